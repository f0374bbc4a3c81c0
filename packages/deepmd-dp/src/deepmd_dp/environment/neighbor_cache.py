# SPDX-License-Identifier: LGPL-3.0-or-later
"""Neighbor lists of training frames, kept for the next epoch within a memory budget."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from deepmd_dp.dialect.array import Float, Int
from deepmd_dp.environment.builder import frame_neighbors
from deepmd_dp.environment.expansion import groups_of
from deepmd_dp.environment.fragments import SOURCE
from deepmd_dp.environment.virtual_atoms import PARTNER
from deepmd_dp.neighbor import NeighborList

if TYPE_CHECKING:
    from deepmd.data.batch import Batch
    from deepmd_dp.environment.builder import Lists
    from deepmd_dp.interface import Model


_Key = tuple[str, int, int]
"""System, frame, layout."""


@dataclass(frozen=True)
class _Packed:
    """A neighbor list in integers of 32 and 16 bits: a quarter of the memory.

    Attributes
    ----------
    images
        Numbers of cell vectors that the neighbor is shifted by.
    """

    nlist: Int[np.ndarray, "natoms nnei"]
    images: Int[np.ndarray, "natoms nnei 3"]
    sections: tuple[int, ...]
    ndropped: int

    @classmethod
    def of(cls, found: NeighborList, box: Float[np.ndarray, "3 3"] | None) -> _Packed:
        """That of a list; `box` [Å]."""
        images = np.zeros(found.shift.shape) if box is None else np.rint(found.shift @ np.linalg.inv(box))
        return cls(found.nlist.astype(np.int32), images.astype(np.int16), found.sections, found.ndropped)

    def unpack(self, box: Float[np.ndarray, "3 3"] | None, natoms: int) -> NeighborList:
        """The list again, for the frame with virtual atoms added or cut at its end to make `natoms`."""
        nlist = np.full((natoms, self.nlist.shape[1]), -1, dtype=np.int64)
        shift = np.zeros((*nlist.shape, 3))
        size = min(natoms, len(self.nlist))
        nlist[:size] = self.nlist[:size]
        if box is not None:
            shift[:size] = self.images[:size].astype(np.float64) @ box
        return NeighborList(nlist, shift, self.sections, self.ndropped)

    @property
    def nbytes(self) -> int:
        """Memory of it [bytes]."""
        return self.nlist.nbytes + self.images.nbytes


class NeighborCache:
    """Builds each frame's lists once, as long as all of them fit in the budget.

    A full cache keeps what it has: with an epoch's random order, throwing out the oldest
    would save nothing.

    Parameters
    ----------
    model : Model
        Says which lists it looks at.
    budget : int
        Largest size of all lists together [bytes].
    """

    def __init__(self, model: Model, budget: int = 1 << 30) -> None:
        self._model = model
        self._budget = budget
        self._lists: dict[_Key, tuple[_Packed, ...]] = {}
        self._lock = Lock()

    def lists(self, batch: Batch) -> list[Lists]:
        """The lists of a batch's frames."""
        return [self._of_frame(batch, k) for k in range(batch.nframes)]

    def _of_frame(self, batch: Batch, k: int) -> Lists:
        # frames of a merged batch are numbered over all systems
        groups = groups_of(batch)
        key = "" if batch.merged else batch.system, int(batch.frames[k]), _layout(batch, k)
        box = None if batch.box is None else batch.box[k]
        packed = self._lists.get(key)
        if packed is None:
            own = None if groups is None else groups[k]
            found = frame_neighbors(self._model, batch.coord[k], box, batch.atype[k], 1, own)
            packed = tuple(_Packed.of(each, box) for each in found)
            self._keep(key, packed)
        return tuple(each.unpack(box, batch.natoms) for each in packed)

    def _keep(self, key: _Key, packed: tuple[_Packed, ...]) -> None:
        size = sum(each.nbytes for each in packed)
        with self._lock:
            if size <= self._budget:
                self._budget -= size
                self._lists[key] = packed


def _layout(batch: Batch, k: int) -> int:
    """0; where atoms have others behind them, whose places move with the padding of a batch, a number of these."""
    return hash(batch.atype[k].tobytes()) if PARTNER in batch.labels or SOURCE in batch.labels else 0
