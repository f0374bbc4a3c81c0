# SPDX-License-Identifier: LGPL-3.0-or-later
"""Neighbor lists of training frames, kept for the next epoch within a memory budget."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from deepmd_dp.environment.builder import frame_neighbors

if TYPE_CHECKING:
    from deepmd.data.batch import Batch
    from deepmd_dp.neighbor import NeighborList


class NeighborCache:
    """Builds each frame's list once, as long as all of them fit in the budget.

    A full cache keeps what it has: with an epoch's random order, throwing out the oldest
    would save nothing.

    Parameters
    ----------
    model : Module
        Says cut-off and layout of the lists.
    budget : int
        Largest size of all lists together [bytes].
    """

    def __init__(self, model: Any, budget: int = 1 << 30) -> None:
        self._model = model
        self._budget = budget
        self._lists: dict[tuple[str, int], NeighborList] = {}
        self._lock = Lock()

    def lists(self, batch: Batch) -> list[NeighborList]:
        """The lists of a batch's frames."""
        return [self._of_frame(batch, k) for k in range(batch.nframes)]

    def _of_frame(self, batch: Batch, k: int) -> NeighborList:
        key = (batch.system, int(batch.frames[k]))
        found = self._lists.get(key)
        if found is None:
            box = None if batch.box is None else batch.box[k]
            found = frame_neighbors(self._model, batch.coord[k], box, batch.atype[k])
            self._keep(key, found)
        return found

    def _keep(self, key: tuple[str, int], found: NeighborList) -> None:
        size = found.nlist.nbytes + found.shift.nbytes
        with self._lock:
            if size <= self._budget:
                self._budget -= size
                self._lists[key] = found
