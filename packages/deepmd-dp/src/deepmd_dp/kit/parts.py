# SPDX-License-Identifier: LGPL-3.0-or-later
"""How large the parts of a frame are, and how their terms are put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd.outputs import TERM_KINDS
from deepmd_dp.dialect.array import Shaped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepmd.outputs import TermDef
    from deepmd_dp.environment.builder import Lists
    from deepmd_dp.environment.parts import Part
    from deepmd_dp.interface import Model

CPU_BUDGET = 75_000_000
"""Memory of a part [bytes] on a CPU: with less the calls themselves count, more is not faster."""
GPU_BUDGET = 2_000_000_000
"""The same on a GPU, which wants long arrays."""
_OVERHEAD = 2.0
"""What is held in all, of what a model counts: derivatives and temporary arrays come on top."""
_STEP = 32
"""Parts have a multiple of so many atoms."""


def bytes_per_atom(model: Model, widths: Sequence[int]) -> float:
    """Memory that evaluation takes for an atom [bytes], with so many slots in each of the model's lists."""
    return _OVERHEAD * model.bytes_per_atom(dict(zip(model.lists, widths, strict=True)))


def list_widths(frames: Sequence[Lists]) -> list[int]:
    """Slots of each list, the widest frame's."""
    return [max(sum(each.sections) for each in lists) for lists in zip(*frames, strict=True)]


def atoms_per_part(model: Model, frames: Sequence[Lists], natoms: int, budget: int) -> int:
    """Local atoms of a part that takes no more memory [bytes], of a model that passes no messages.

    Parameters
    ----------
    frames : sequence of Lists
        The neighbor lists of frames of so many atoms.
    """
    memory = len(frames) * bytes_per_atom(model, list_widths(frames))
    largest = max(_STEP, int(budget / max(1.0, memory)) // _STEP * _STEP)
    nparts = max(1, -(-natoms // largest))
    # parts of one size, for which one program is made, and few empty places in the last
    return max(1, -(-natoms // (nparts * _STEP))) * _STEP


class SumOfParts:
    """The terms of whole frames, from those of parts of their atoms.

    A mean over the atoms is the sum of the parts' means, each times its share of the atoms that count.

    Parameters
    ----------
    terms : tuple of TermDef
    atype : np.ndarray, (nframes, natoms)
        Types of all atoms.
    """

    def __init__(self, model: Model, terms: tuple[TermDef, ...], atype: np.ndarray) -> None:
        self._model = model
        self._terms = terms
        self._natoms = atype.shape[1]
        self._means = {
            output.term_name(kind)
            for output in model.outputs
            if output.reduction == "mean"
            for kind in TERM_KINDS
            if kind != "atom"
        }
        self._ncounted = np.zeros(len(atype))
        sizes = {"nframes": len(atype), "nloc": self._natoms, "nall": self._natoms}
        self._sums = {
            term.name: np.zeros([sizes[axis] if isinstance(axis, str) else axis for axis in term.axes])
            for term in terms
        }

    def add(self, part: Part, found: dict[str, np.ndarray]) -> None:
        """Takes the terms of a part in."""
        mask = np.asarray(self._model.mask(part.env, like=self._ncounted))
        ncounted = np.sum(mask[:, : part.nown, 0], axis=1)
        self._ncounted += ncounted
        for term in self._terms:
            total, values = self._sums[term.name], found[term.name]
            if term.name in self._means:
                values = values * _per_frame(ncounted, values)
            atoms = [k for k, axis in enumerate(term.axes) if axis in ("nloc", "nall")]
            if not atoms:
                total += values
                continue
            where = part.order[: values.shape[atoms[0]]]
            is_real = where < self._natoms
            index: tuple[slice | np.ndarray, ...] = (*[slice(None)] * atoms[0], where[is_real])
            total[index] += np.compress(is_real, values, axis=atoms[0])

    def results(self) -> dict[str, np.ndarray]:
        """The terms by name."""
        share = 1.0 / np.maximum(self._ncounted, 1.0)
        return {
            name: values * _per_frame(share, values) if name in self._means else values
            for name, values in self._sums.items()
        }


def _per_frame(factor: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The factors (nframes,) with axes to multiply values (nframes, ...) by."""
    return factor.reshape(-1, *[1] * (values.ndim - 1))


def cut_term(array: Shaped[np.ndarray, "*padded"], term: TermDef, sizes: dict[str, int]) -> Shaped[np.ndarray, "*axes"]:
    """A term without what belongs to frames and atoms that were added."""
    return array[tuple(slice(sizes.get(axis) if isinstance(axis, str) else None) for axis in term.axes)]
