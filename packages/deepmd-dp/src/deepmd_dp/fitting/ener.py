# SPDX-License-Identifier: LGPL-3.0-or-later
"""The fitting that maps an atom's descriptor to its energy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.contract import check_class
from deepmd.outputs import ENERGY, OutputDef
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.module import module
from deepmd_dp.dialect.settings import read_settings, setting, write_settings
from deepmd_dp.fitting.nets import FittingNets, NetsFitting

if TYPE_CHECKING:
    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.interface import Description, Descriptor


def _numbers(values: list[Any]) -> tuple[float | None, ...]:
    """Energies of `atom_ener`, each of which a file may hold as an array of one element."""
    return tuple(None if value is None else float(np.asarray(value).reshape(-1)[0]) for value in values)


@module
class EnerFitting(NetsFitting):
    """Energy fitting `ener`: E_i = x_i, the number that the nets give.

    Types with an `atom_ener` [eV] have exactly this energy far from all others: their net's value at a zero
    descriptor is subtracted.
    """

    nets: FittingNets
    atom_ener: tuple[float | None, ...] = setting(default=(), read=_numbers)

    @property
    def outputs(self) -> tuple[OutputDef, ...]:
        """The energy."""
        return (ENERGY,)

    @property
    def assigned_bias(self) -> dict[str, tuple[float | None, ...]]:
        """The energy of an atom of each type far from all others, where it is given [eV]."""
        return {"energy": self.atom_ener} if self.atom_ener else {}

    def __call__(
        self,
        description: Description,
        env: Environment,
        fparam: Float[Array, "nframes nfparam"] | None,
        aparam: Float[Array, "nframes nloc naparam"] | None,
    ) -> dict[str, Float[Array, "nframes nloc 1"]]:
        """Atomic energies without the data's bias, ``energy`` [eV]."""
        from_vacuum = tuple(t for t, energy in enumerate(self.atom_ener) if energy is not None)
        return {"energy": self.nets(description.invariant, env, fparam, aparam, from_vacuum)}

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        head = {"@class": "Fitting", "@version": 4, "type": "ener", "var_name": "energy", "dim_out": 1}
        return {**head, **self.nets.serialize(), "atom_ener": write_settings(self)["atom_ener"] or None}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> EnerFitting:
        """The fitting of the contract's tree."""
        check_class(data, "Fitting", 1, 4)
        return cls(nets=FittingNets.deserialize(data, "ener fitting"), **read_settings(cls, data))

    @classmethod
    def from_input(
        cls,
        section: dict[str, Any],
        type_map: list[str],
        descriptor: Descriptor,
        exclude_types: tuple[int, ...],
        rng: np.random.Generator,
    ) -> EnerFitting:
        """A new fitting of the input's section ``fitting_net``, random weights, neutral statistics."""
        nets = FittingNets.initial(section, type_map, descriptor, 1, exclude_types, rng)
        return cls(nets=nets, **read_settings(cls, section))
