# SPDX-License-Identifier: LGPL-3.0-or-later
"""The fitting that maps an atom's descriptor to its energy."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepmd.outputs import ENERGY, OutputDef
from deepmd_dp.dialect.module import module
from deepmd_dp.dialect.settings import setting
from deepmd_dp.fitting.invariant import InvariantFitting


def _numbers(values: list[Any]) -> tuple[float | None, ...]:
    """Energies of `atom_ener`, each of which a file may hold as an array of one element."""
    return tuple(None if value is None else float(np.asarray(value).reshape(-1)[0]) for value in values)


@module
class EnerFitting(InvariantFitting):
    """Energy fitting `ener`: E_i = x_i, the number that the nets give.

    Types with an `atom_ener` [eV] have exactly this energy far from all others: their net's value at a zero
    descriptor is subtracted.
    """

    kind = "ener"
    atom_ener: tuple[float | None, ...] = setting(default=(), read=_numbers)

    @property
    def outputs(self) -> tuple[OutputDef, ...]:
        """The energy."""
        return (ENERGY,)

    @property
    def assigned_bias(self) -> dict[str, tuple[float | None, ...]]:
        """The energy of an atom of each type far from all others, where it is given [eV]."""
        return {"energy": self.atom_ener} if self.atom_ener else {}

    @property
    def from_vacuum(self) -> tuple[int, ...]:
        """The types whose energy far from all others is given."""
        return tuple(t for t, energy in enumerate(self.atom_ener) if energy is not None)

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        tree = super().serialize()
        return {**tree, "atom_ener": tree["atom_ener"] or None}
