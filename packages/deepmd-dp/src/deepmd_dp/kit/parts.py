# SPDX-License-Identifier: LGPL-3.0-or-later
"""How large the parts of a frame are, and how their terms are put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from deepmd.outputs import TermDef
    from deepmd_dp.environment.parts import Part
    from deepmd_dp.interface import Model

_SLOTS = 64 * 1024
"""Slots of neighbor lists in a part: some 200 MB with all that is made of them, and enough for any framework."""
_STEP = 64
"""Parts have a multiple of so many atoms."""


def atoms_per_part(model: Model, nframes: int, natoms: int) -> int:
    """Local atoms of a part; all of them where messages are passed, or a mean is taken over the atoms."""
    if model.is_message_passing or any(output.reduction == "mean" for output in model.outputs):
        return natoms
    slots = sum(sum(capacities) for capacities in model.list_capacities)
    largest = max(_STEP, _SLOTS // max(1, nframes * slots) // _STEP * _STEP)
    nparts = max(1, -(-natoms // largest))
    # parts of one size, for which one program is made, and few empty places in the last
    return max(1, -(-natoms // (nparts * _STEP))) * _STEP


class SumOfParts:
    """The terms of whole frames, from those of parts of their atoms.

    Parameters
    ----------
    terms : tuple of TermDef
    size : tuple of int
        Numbers of frames and atoms.
    """

    def __init__(self, terms: tuple[TermDef, ...], size: tuple[int, int]) -> None:
        self._terms = terms
        self._natoms = size[1]
        sizes = {"nframes": size[0], "nloc": size[1], "nall": size[1]}
        self.results = {
            term.name: np.zeros([sizes[axis] if isinstance(axis, str) else axis for axis in term.axes])
            for term in terms
        }

    def add(self, part: Part, found: dict[str, np.ndarray]) -> None:
        """Takes the terms of a part in."""
        for term in self._terms:
            total, values = self.results[term.name], found[term.name]
            atoms = [k for k, axis in enumerate(term.axes) if axis in ("nloc", "nall")]
            if not atoms:
                total += values
                continue
            where = part.order[: values.shape[atoms[0]]]
            is_real = where < self._natoms
            index: tuple[slice | np.ndarray, ...] = (*[slice(None)] * atoms[0], where[is_real])
            total[index] += np.compress(is_real, values, axis=atoms[0])
