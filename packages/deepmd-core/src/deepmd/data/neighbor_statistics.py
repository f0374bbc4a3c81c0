# SPDX-License-Identifier: LGPL-3.0-or-later
"""Neighbor statistics of data: the smallest distances, the most neighbors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deepmd.data.mask import MASK
from deepmd.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deepmd.data.batch import Batch
    from deepmd.data.system import System

    NeighborStat = Callable[[np.ndarray, np.ndarray | None, np.ndarray, float, int], tuple[np.ndarray, np.ndarray, int]]
    """`Backend.neighbor_stat`: coordinates, cell, types, cut-off and number of types to the smallest distance of each
    two types, the most neighbors of each type, and the most of all types."""
    Watch = Callable[["FrameStatistics"], None]

MAX_ATOMS = 500_000
"""Atoms looked at in all: frames are picked evenly from the data up to this number."""
DENSE, DENSEST = 0.5, 5.0
"""[atoms/Å³] Diamond has 0.18, hydrogen at 500 GPa 0.7. Beyond the one the search goes less far, for there would be
more neighbors than memory (water in nm has 100); beyond the other nothing is trained."""
OVERLAP = 1e-3
"""A distance [Å] below which two atoms are taken to be at the same place."""


class FrameStatistics(NamedTuple):
    """What one frame has.

    Attributes
    ----------
    system : System
    frame : int
        Its number in the system.
    natoms : int
        Atoms, virtual ones left out.
    nearest : np.ndarray, (ntypes, ntypes)
        Smallest distance of two atoms of these types [Å]; inf where there are none within the cut-off.
    max_nnei : np.ndarray, (ntypes,)
        Most neighbors of each type that an atom has.
    max_total : int
        Most neighbors of any type that an atom has.
    density : float
        [atoms/Å³]; 0 with open boundaries.
    """

    system: System
    frame: int
    natoms: int
    nearest: np.ndarray
    max_nnei: np.ndarray
    max_total: int
    density: float

    @property
    def min_distance(self) -> float:
        """Smallest distance of two atoms [Å]; inf where no atom has a neighbor."""
        return float(self.nearest.min())


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
    systems: list[System],
    rcut: float,
    ntypes: int,
    neighbor_stat: NeighborStat,
    watch: Watch | None = None,
    *,
    masked: bool = False,
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
    watch : callable, optional
        Takes each frame's statistics too.
    masked : bool
        Whether the systems have a mask, `deepmd.data.mask.MASK`: the atoms that it leaves out don't count, nor images.

    Raises
    ------
    DataError
        Two atoms are at the same place, or no matter is so dense; names the system and the frame.
    """
    distance, nnei, total, nframes = math.inf, np.zeros(ntypes, dtype=np.int64), 0, 0
    for found in statistics_of_frames(systems, rcut, neighbor_stat, masked=masked):
        where = f"system {found.system.name}, frame {found.frame}"
        if found.density > DENSEST:
            raise DataError(
                f"{where}: {found.density:.3g} atoms/Å³, denser than any matter: the cell is probably in nm, but is "
                "taken as Å; if so, multiply coord and box by 10."
            )
        if found.min_distance < OVERLAP:
            raise DataError(f"{where}: two atoms are at the same place.")
        if watch is not None:
            watch(found)
        distance, nnei = min(distance, found.min_distance), np.maximum(nnei, found.max_nnei)
        total, nframes = max(total, found.max_total), nframes + 1
    return NeighborStatistics(distance, nnei, total, nframes)


def statistics_of_frames(
    systems: list[System], rcut: float, neighbor_stat: NeighborStat, *, masked: bool = False
) -> Iterator[FrameStatistics]:
    """Those of a bounded number of frames, by the systems' own types; parameters as in `neighbor_statistics`."""
    for system, batch in _some_frames(systems):
        real = batch.atype[0] >= 0
        if masked:
            real &= batch.labels[MASK.key][0, :, 0] > 0
        coord, box, atype = batch.coord[0][real], None if batch.box is None else batch.box[0], batch.atype[0][real]
        box = None if masked else box
        density = 0.0 if box is None else len(atype) / abs(float(np.linalg.det(box)))
        reach = rcut * min(1.0, (DENSE / density) ** (1 / 3)) if density else rcut
        nearest, max_nnei, max_total = neighbor_stat(coord, box, atype, reach, len(system.type_map))
        yield FrameStatistics(system, int(batch.frames[0]), len(atype), nearest, max_nnei, int(max_total), density)


def _some_frames(systems: list[System]) -> Iterator[tuple[System, Batch]]:
    """Single frames, evenly spread over all systems, of at most `MAX_ATOMS` atoms in all (one frame at least)."""
    first = np.concatenate([[0], np.cumsum([system.nframes for system in systems])])
    atoms = sum(system.nframes * system.natoms for system in systems)
    number = max(1, min(first[-1], int(first[-1] * MAX_ATOMS / atoms)))
    for frame in np.unique(np.linspace(0, first[-1] - 1, number).astype(np.int64)):
        index = int(np.searchsorted(first, frame, side="right")) - 1
        yield systems[index], systems[index].read([frame - first[index]])
