# SPDX-License-Identifier: LGPL-3.0-or-later
"""Neighbor statistics of data: the smallest distance, the most neighbors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deepmd.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deepmd.data import Batch, System

    NeighborStat = Callable[[np.ndarray, np.ndarray | None, np.ndarray, float, int], tuple[float, np.ndarray]]
    """`Backend.neighbor_stat`: coordinates, cell, types, cut-off and number of types to smallest distance and most
    neighbors of each type."""

MAX_ATOMS = 500_000
"""Atoms looked at in all: frames are picked evenly from the data up to this number."""
OVERLAP = 1e-3
"""A distance [Å] below which two atoms are taken to be at the same place."""


@dataclass(frozen=True)
class NeighborStatistics:
    """What the frames looked at have.

    Attributes
    ----------
    min_distance : float
        Smallest distance of two atoms [Å]; inf where no atom has a neighbor.
    max_nnei : np.ndarray, (ntypes,)
        Most neighbors of each type that an atom has.
    max_total : int
        Most neighbors of any type that an atom has.
    nframes : int
        Frames looked at.
    """

    min_distance: float
    max_nnei: np.ndarray
    max_total: int
    nframes: int


def neighbor_statistics(
    systems: list[System], rcut: float, ntypes: int, neighbor_stat: NeighborStat
) -> NeighborStatistics:
    """Looks at a bounded number of frames of the systems.

    Parameters
    ----------
    systems : list of System
    rcut : float
        Cut-off radius [Å].
    ntypes : int
        Number of types in the systems' type map.
    neighbor_stat : callable
        `Backend.neighbor_stat`: statistics of one frame.

    Raises
    ------
    DataError
        Two atoms are at the same place; names the system and the frame.
    """
    distance, nnei, total, nframes = math.inf, np.zeros(ntypes, dtype=np.int64), 0, 0
    for batch in _some_frames(systems):
        real = batch.atype[0] >= 0
        coord, box, atype = batch.coord[0][real], None if batch.box is None else batch.box[0], batch.atype[0][real]
        frame_distance, frame_nnei = neighbor_stat(coord, box, atype, rcut, ntypes)
        if frame_distance < OVERLAP:
            raise DataError(f"system {batch.system}, frame {batch.frames[0]}: two atoms are at the same place.")
        _, frame_total = neighbor_stat(coord, box, np.zeros_like(atype), rcut, 1)
        distance, nnei = min(distance, float(frame_distance)), np.maximum(nnei, frame_nnei)
        total, nframes = max(total, int(frame_total[0])), nframes + 1
    return NeighborStatistics(distance, nnei, total, nframes)


def _some_frames(systems: list[System]) -> Iterator[Batch]:
    """Single frames, evenly spread over all systems, of at most `MAX_ATOMS` atoms in all (one frame at least)."""
    first = np.concatenate([[0], np.cumsum([system.nframes for system in systems])])
    atoms = sum(system.nframes * system.natoms for system in systems)
    number = max(1, min(first[-1], int(first[-1] * MAX_ATOMS / atoms)))
    for frame in np.unique(np.linspace(0, first[-1] - 1, number).astype(np.int64)):
        index = int(np.searchsorted(first, frame, side="right")) - 1
        yield systems[index].read([frame - first[index]])
