# SPDX-License-Identifier: LGPL-3.0-or-later
"""The standard model: a descriptor and a fitting."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepmd.contract import check_class, take_array
from deepmd_dp.descriptor import deserialize_descriptor, new_descriptor
from deepmd_dp.dialect.array_api import array_namespace, constant, shape
from deepmd_dp.dialect.module import Array, Module, buffer, module, static
from deepmd_dp.environment.environment import Environment
from deepmd_dp.environment.exclusion import Pairs, as_pairs
from deepmd_dp.fitting import deserialize_fitting, fitting_class


@module
class StandardModel(Module):
    """A Deep Potential: E = Σ_i (fitting(descriptor_i) + bias of the type).

    Attributes
    ----------
    out_bias, out_std : Array, (1, ntypes, 1) [eV]
        Bias of the types by least squares on the data, and the deviation left.
    pair_exclude_types : pairs of types
        Neighbors of these pairs are not in the lists.
    atom_exclude_types : types
        Atoms of these types have no energy.
    """

    descriptor: Any
    fitting: Any
    out_bias: Array = buffer()
    out_std: Array = buffer()
    type_map: tuple[str, ...] = static()
    atom_exclude_types: tuple[int, ...] = static(default=())
    pair_exclude_types: Pairs = static(default=())
    rcond: float | None = static(default=None)
    preset_out_bias: Any = static(default=None)

    @property
    def rcut(self) -> float:
        """Cut-off radius [Å]."""
        return self.descriptor.rcut

    @property
    def ntypes(self) -> int:
        return len(self.type_map)

    @property
    def slots(self) -> tuple[int, ...]:
        """Slots of the contract's neighbor lists, block by block."""
        return self.descriptor.stat.sel

    @property
    def list_widths(self) -> tuple[int, ...] | None:
        """Widths that the neighbor lists must have, nearest first, or None where any will do."""
        return self.slots if self.descriptor.stat.slots_differ else None

    def __call__(self, env: Environment, fparam: Array | None = None, aparam: Array | None = None) -> Array:
        """Atomic energies, (nframes, nloc, 1) float64 [eV]; 0 for virtual and excluded atoms."""
        energy = self.fitting(self.descriptor(env), env, fparam, aparam)
        xp = array_namespace(energy)
        energy = xp.astype(energy, self.out_bias.dtype)
        bias = xp.take(self.out_bias[0, :, :], xp.reshape(env.center_type, (-1,)), axis=0)
        energy = energy + xp.reshape(bias, shape(energy))
        return energy * self.mask(env, like=energy)

    def mask(self, env: Environment, like: Array) -> Array:
        """1 for atoms that have an energy, (nframes, nloc, 1)."""
        xp = array_namespace(like)
        real = xp.astype(env.atype >= 0, like.dtype)
        if self.atom_exclude_types:
            table = np.ones(self.ntypes)
            table[list(self.atom_exclude_types)] = 0.0
            kept = xp.take(constant(table, like), xp.reshape(env.center_type, (-1,)), axis=0)
            real = real * xp.reshape(kept, shape(real))
        return real[:, :, None]

    def serialize(self) -> dict[str, Any]:
        return {
            "@class": "Model",
            "type": "standard",
            "@version": 2,
            "type_map": list(self.type_map),
            "atom_exclude_types": list(self.atom_exclude_types),
            "pair_exclude_types": [list(pair) for pair in self.pair_exclude_types],
            "rcond": self.rcond,
            "preset_out_bias": None,
            "@variables": {"out_bias": self.out_bias, "out_std": self.out_std},
            "descriptor": self.descriptor.serialize(),
            "fitting": self.fitting.serialize(),
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> StandardModel:
        check_class(data, "Model", 2, 2)
        variables = data["@variables"]
        ntypes = len(data["type_map"])
        return cls(
            descriptor=deserialize_descriptor(data["descriptor"]),
            fitting=deserialize_fitting(data["fitting"]),
            out_bias=take_array(variables, "out_bias", (1, ntypes, 1), where="model"),
            out_std=take_array(variables, "out_std", (1, ntypes, 1), where="model"),
            type_map=tuple(data["type_map"]),
            atom_exclude_types=tuple(data.get("atom_exclude_types", ())),
            pair_exclude_types=as_pairs(data.get("pair_exclude_types", ())),
            rcond=data.get("rcond"),
        )

    @classmethod
    def from_input(cls, section: dict[str, Any], rng: np.random.Generator) -> StandardModel:
        """A new model of the input's section ``model``, random weights, neutral statistics."""
        type_map = section["type_map"]
        excluded = tuple(section["atom_exclude_types"])
        descriptor = new_descriptor(section["descriptor"], type_map, _generator(section["descriptor"], rng))
        net = section["fitting_net"]
        fitting = fitting_class(net["type"]).from_input(
            net, type_map, descriptor.dim_out, descriptor.mixed_types, excluded, _generator(net, rng)
        )
        return cls(
            descriptor=descriptor,
            fitting=fitting,
            out_bias=np.zeros((1, len(type_map), 1)),
            out_std=np.ones((1, len(type_map), 1)),
            type_map=tuple(type_map),
            atom_exclude_types=excluded,
            pair_exclude_types=as_pairs(section["pair_exclude_types"]),
            rcond=net["rcond"],
        )


def _generator(section: dict[str, Any], rng: np.random.Generator) -> np.random.Generator:
    """The section's own generator where it has a seed, so that equal sections start equal in every backend."""
    seed = section.get("seed")
    return rng if seed is None else np.random.default_rng(seed)
