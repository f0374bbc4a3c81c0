# SPDX-License-Identifier: LGPL-3.0-or-later
"""The energy bias of each type by least squares."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from deepmd.data.batch import Batch


class OutputStatistics:
    """Biases b of the types that minimise Σ_f (E_f - Σ_t n_ft b_t)², n_ft atoms of type t in frame f.

    Where the data does not tell, as between O and H of water, the shortest b is taken; a type
    that does not occur has 0. Types with a `preset_out_bias` or an `atom_ener` keep that value
    and the others fit the rest. Atoms without energy (`atom_exclude_types`) don't count. Kept
    of a frame are its energy and its numbers of atoms.

    Parameters
    ----------
    preset : dict or None
        ``energy``: a number, or None, for each type [eV].
    """

    def __init__(self, model: Any, preset: dict[str, Any] | None) -> None:
        self._rcond = model.rcond
        self._counted = np.ones(model.ntypes)
        self._counted[list(model.atom_exclude_types)] = 0.0
        self._assigned = _assigned_energies(model, preset)
        self._energies: list[np.ndarray] = []
        self._natoms: list[np.ndarray] = []

    def add(self, batch: Batch) -> None:
        """Takes a batch in, if its energies are known."""
        if not batch.found.get("energy"):
            return
        numbers = [np.sum(batch.atype == t, axis=1) for t in range(len(self._counted))]
        self._natoms.append(np.stack(numbers, axis=1) * self._counted)
        self._energies.append(batch.labels["energy"].reshape(-1))

    def apply(self, model: Any) -> Any:
        """The model with these biases, and the deviation of the energies from them."""
        bias, deviation = self._solve()
        size = model.out_bias.shape
        return replace(model, out_bias=bias.reshape(size), out_std=np.full(size, deviation))

    def _solve(self) -> tuple[np.ndarray, float]:
        """Bias of the types [eV], and the standard deviation of the frames' energies left by it [eV]."""
        is_assigned = ~np.isnan(self._assigned)
        bias = np.where(is_assigned, self._assigned, 0.0)
        if not self._energies:
            return bias, 1.0
        energy, natoms = np.concatenate(self._energies), np.concatenate(self._natoms)
        fitted, *_ = np.linalg.lstsq(natoms * ~is_assigned, energy - natoms @ bias, rcond=self._rcond)
        bias = np.where(is_assigned, bias, fitted)
        return bias, float(np.std(energy - natoms @ bias))


def _assigned_energies(model: Any, preset: dict[str, Any] | None) -> np.ndarray:
    """Biases that are given, NaN where they are to be found, (ntypes,) [eV]."""
    given = (preset or {}).get("energy") or [None] * model.ntypes
    vacuum = model.fitting.atom_ener or [None] * model.ntypes
    values = [v if g is None else g for g, v in zip(given, vacuum, strict=True)]
    return np.array([np.nan if value is None else np.ravel(value)[0] for value in values], dtype=float)
