# SPDX-License-Identifier: LGPL-3.0-or-later
"""What all kinds of models have: types, those left out, and a constant of each type in their outputs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from deepmd.contract import take_array
from deepmd.errors import ModelFileError
from deepmd.outputs import ENERGY, OutputDef
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace, constant, shape
from deepmd_dp.dialect.module import Module, buffer, module, static
from deepmd_dp.dialect.settings import hashable, plain
from deepmd_dp.environment.environment import Environment, ListSpec
from deepmd_dp.environment.exclusion import Pairs, as_pairs
from deepmd_dp.environment.expansion import FrameExpansion


@module
class BaseModel(Module):
    """Types and biases of a model.

    Attributes
    ----------
    out_bias, out_std
        Bias of the types by least squares on the data, and the deviation left, in the outputs' units; with as many
        components as the largest output has.
    pair_exclude_types
        Neighbors of these pairs are not in the lists.
    atom_exclude_types
        Atoms of these types have no outputs.
    preset_out_bias
        By the outputs' names: the bias of each type that was given instead of fitted, None where it was not.
    """

    out_bias: Float[Array, "noutputs ntypes ncomponents"] = buffer()
    out_std: Float[Array, "noutputs ntypes ncomponents"] = buffer()
    type_map: tuple[str, ...] = static()
    atom_exclude_types: tuple[int, ...] = static(default=())
    pair_exclude_types: Pairs = static(default=())
    rcond: float | None = static(default=None)
    preset_out_bias: tuple[tuple[str, tuple[Any, ...]], ...] = static(default=())

    @property
    def outputs(self) -> tuple[OutputDef, ...]:
        """What it gives: the energy, of most kinds of models."""
        return (ENERGY,)

    @property
    @abstractmethod
    def capacities(self) -> dict[ListSpec, tuple[int, ...]]:
        """The neighbor lists that it looks at, no two the same, each with the `sel` of its blocks."""

    @property
    def lists(self) -> tuple[ListSpec, ...]:
        """The neighbor lists that it looks at."""
        return tuple(self.capacities)

    @property
    def rcut(self) -> float:
        """Largest cut-off radius [Å]."""
        return max(spec.rcut for spec in self.capacities)

    @property
    @abstractmethod
    def messages(self) -> tuple[ListSpec, ...]:
        """For each time that features go from atom to atom, the list along which they do."""

    @property
    def ntypes(self) -> int:
        """Number of types."""
        return len(self.type_map)

    @property
    def expansion(self) -> FrameExpansion | None:
        """None: it takes frames as they are."""
        return None

    @property
    def assigned_bias(self) -> Mapping[str, tuple[float | None, ...]]:
        """None: all are fitted to the data."""
        return {}

    @property
    def takes_mask(self) -> bool:
        """Whether its one atomic parameter says which atoms are there: few do."""
        return False

    @property
    def biased_part(self) -> str:
        """Where the model is that takes the bias found in the data: "" for the whole, ``models.0.``."""
        return ""

    @property
    def is_message_passing(self) -> bool:
        """Whether there are any messages."""
        return bool(self.messages)

    def mask(
        self, env: Environment, like: Array, only: tuple[int, ...] | None = None
    ) -> Float[Array, "nframes nloc 1"]:
        """1 for atoms that have outputs; where types are given, for atoms of these only."""
        xp = array_namespace(like)
        real = xp.astype(env.atype >= 0, like.dtype)
        chosen = [t for t in (range(self.ntypes) if only is None else only) if t not in self.atom_exclude_types]
        if len(chosen) < self.ntypes:
            table = np.zeros(self.ntypes)
            table[chosen] = 1.0
            real = real * env.of_centers(constant(table[:, None], like))[:, :, 0]
        return real[:, :, None]

    def deviation(self, env: Environment, like: Array) -> Float[Array, "nframes ncomponents"]:
        """What the biases of the types leave of the first output in the data, in its unit; the same for all frames."""
        xp, size = array_namespace(like), self.outputs[0].ncomponents
        return xp.broadcast_to(xp.astype(self.out_std[0, :1, :size], like.dtype), (shape(env.atype)[0], size))

    def biased_energy(
        self, values: Float[Array, "nframes nloc 1"], env: Environment
    ) -> dict[str, Float[Array, "nframes nloc 1"]]:
        """The output ``energy`` of a model that gives nothing else: with the bias, 0 where an atom has none."""
        return {"energy": (values + env.of_centers(self.out_bias[0, :, :])) * self.mask(env, like=values)}

    def serialize_base(self, without_outputs: list[int] | None = None) -> dict[str, Any]:
        """The entries of the contract's tree that all models have.

        Parameters
        ----------
        without_outputs
            Types whose atoms have no output, where these are more than those excluded.
        """
        return {
            "type_map": list(self.type_map),
            "atom_exclude_types": list(self.atom_exclude_types) if without_outputs is None else without_outputs,
            "pair_exclude_types": [list(pair) for pair in self.pair_exclude_types],
            "rcond": self.rcond,
            "preset_out_bias": {name: plain(values) for name, values in self.preset_out_bias} or None,
            "@variables": {"out_bias": self.out_bias, "out_std": self.out_std},
        }


def read_base(data: Mapping[str, Any], outputs: tuple[OutputDef, ...], where: str = "model") -> dict[str, Any]:
    """The fields of `BaseModel` in a contract's tree, for the constructor.

    Raises
    ------
    ModelFileError
        A type is not there, or an array has another shape.
    """
    variables, size = data["@variables"], bias_size(outputs, len(data["type_map"]))
    excluded = tuple(data.get("atom_exclude_types") or ())
    pairs = as_pairs(data.get("pair_exclude_types") or ())
    _check_known((*excluded, *(t for pair in pairs for t in pair)), size[1])
    return {
        "out_bias": take_array(variables, "out_bias", size, where=where),
        "out_std": take_array(variables, "out_std", size, where=where),
        "type_map": hashable(data["type_map"]),
        "atom_exclude_types": excluded,
        "pair_exclude_types": pairs,
        "rcond": data.get("rcond"),
        "preset_out_bias": _preset(data.get("preset_out_bias")),
    }


def new_base(section: Mapping[str, Any], outputs: tuple[OutputDef, ...], rcond: float | None = None) -> dict[str, Any]:
    """The fields of `BaseModel` in the input's section ``model``, neutral statistics, for the constructor."""
    size = bias_size(outputs, len(section["type_map"]))
    return {
        "out_bias": np.zeros(size),
        "out_std": np.ones(size),
        "type_map": tuple(section["type_map"]),
        "atom_exclude_types": tuple(section["atom_exclude_types"]),
        "pair_exclude_types": as_pairs(section["pair_exclude_types"]),
        "rcond": rcond,
        "preset_out_bias": _preset(section.get("preset_out_bias")),
    }


def bias_size(outputs: tuple[OutputDef, ...], ntypes: int) -> tuple[int, int, int]:
    """Sizes of a bias."""
    return len(outputs), ntypes, max(output.ncomponents for output in outputs)


def _check_known(types: tuple[int, ...], ntypes: int) -> None:
    unknown = [t for t in types if t not in range(ntypes)]
    if unknown:
        raise ModelFileError(f"the model excludes type {unknown[0]!r}; it has the types 0 to {ntypes - 1}: damaged.")


def _preset(given: Mapping[str, Any] | None) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """The key of the input and of trees as a setting."""
    plain_lists = {name: np.asarray(values, dtype=object).tolist() for name, values in (given or {}).items()}
    return tuple((name, hashable(values)) for name, values in plain_lists.items())
