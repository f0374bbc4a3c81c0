# SPDX-License-Identifier: LGPL-3.0-or-later
"""Shortest distances of each two elements: units of length, atoms at the same place, frames without neighbors."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deepmd.check.finding import Finding, some_names
from deepmd.data.neighbor_statistics import OVERLAP
from deepmd.elements import NOBLE_GASES, covalent_radius

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deepmd.data.neighbor_statistics import FrameStatistics

NO_BOND = 0.5
"""Of the sum of the covalent radii: nearer than half a bond the repulsion is tens of eV, which no thermal motion
reaches (two hydrogens 0.31 Å, two carbons 0.76 Å)."""
NO_CONTACT = 1.4
"""The nearest atoms of any matter but noble gases are within this multiple of that sum: bonds have 0.8 to 1.1 of it,
the loosest metals and salts 1.2; bonds in bohr, taken as Å, have 1.5 to 2.1. Told of the middle one of the frames, as
radicals may be pressed together; and of frames in which something parts, some have a bond."""
A_BOND = 1.0
SMALLEST = 0.3
"""[Å]; what `NO_BOND` gives for hydrogen, for atoms whose name is no element's."""
MOST = 0.9
"""Part of a system's frames from which on the cause is taken to lie in all of them."""


class Shortest(NamedTuple):
    """The shortest distance of two elements [Å], that in multiples of the sum of their covalent radii (NaN where one
    is not known), and the system and frame that have it."""

    distance: float
    ratio: float
    system: str
    frame: int


class Distances:
    """Collects the frames' shortest distances.

    Parameters
    ----------
    rcut : float
        Cut-off radius of the search [Å].

    Attributes
    ----------
    shortest : dict
        Of two elements, in alphabetical order.
    """

    def __init__(self, rcut: float) -> None:
        self.rcut = rcut
        self.shortest: dict[tuple[str, str], Shortest] = {}
        self._nframes = Counter[str]()
        self._ratios: list[float] = []
        self._close: list[tuple[str, int]] = []
        self._overlapping: list[tuple[str, int]] = []
        self._lonely: list[tuple[str, int]] = []

    def add(self, found: FrameStatistics, names: Sequence[str]) -> None:
        """Takes a frame in, whose types have these names."""
        place = found.system.name, found.frame
        self._nframes[place[0]] += 1
        if found.min_distance < OVERLAP:
            self._overlapping.append(place)
        elif found.max_total > 0:
            self._add_distances(found.nearest, tuple(names), place)
        elif found.natoms > 1:
            # an atom that is alone in its frame is there for its energy
            self._lonely.append(place)

    def _add_distances(self, nearest: np.ndarray, names: tuple[str, ...], place: tuple[str, int]) -> None:
        radii = _radii(names)
        if np.any(nearest < _smallest(names)):
            self._close.append(place)
        self._ratios.append(float(np.min(nearest / radii)))
        for a, b in np.argwhere(np.isfinite(nearest)).tolist():
            pair = (min(names[a], names[b]), max(names[a], names[b]))
            if pair not in self.shortest or nearest[a, b] < self.shortest[pair].distance:
                distance = float(nearest[a, b])
                self.shortest[pair] = Shortest(distance, distance / float(radii[a, b]), *place)

    def units_are_right(self) -> bool:
        """Whether nothing speaks against lengths in Å."""
        return not (self._close or self._overlapping or any(self._far()))

    def findings(self) -> Iterator[Finding]:
        """What is wrong with the frames that were taken in."""
        if self._overlapping:
            yield Finding(
                "overlap",
                f"{_frames(self._overlapping)} two atoms at the same place: one stands there twice, or "
                "coordinates were filled up with zeros.",
                True,
            )
        if self._close:
            yield self._near()
        yield from self._far()
        if self._lonely:
            yield Finding(
                "neighbors",
                f"{_frames(self._lonely)} no two atoms within {self.rcut:g} Å of each other: torn apart if "
                "you meant to have them, else the cell or the coordinates are in other units than Å.",
            )

    def _near(self) -> Finding:
        (a, b), found = min(self.shortest.items(), key=lambda item: item[1].distance / _smallest(item[0])[0, 1])
        text = f"{a} and {b} come as near as {found.distance:.3g} Å (system {found.system}, frame {found.frame}), "
        text += (
            "which no bond is" if np.isnan(found.ratio) else f"{found.ratio:.2f} times the sum of their covalent radii"
        )
        affected = Counter(system for system, _ in self._close)
        whole = [system for system, count in affected.items() if count >= MOST * self._nframes[system]]
        if whole:
            return Finding(
                "distances",
                f"{text}, and so it is in all of {some_names(whole)}: coordinates or cell are probably in "
                "nm or in parts of the cell vectors, but are taken as Å; of nm multiply coord and box by 10.",
            )
        return Finding(
            "distances",
            f"{text}; {len(self._close)} of {self._nframes.total()} frames have such distances: broken "
            "frames, or collisions if you meant to have them.",
        )

    def _far(self) -> Iterator[Finding]:
        if any(not each.ratio > A_BOND or NOBLE_GASES & set(pair) for pair, each in self.shortest.items()):
            return
        middle = float(np.median(self._ratios or [0.0]))
        if middle > NO_CONTACT:
            (a, b), nearest = min(self.shortest.items(), key=lambda item: item[1].ratio)
            yield Finding(
                "distances",
                f"no two atoms are nearer than {nearest.distance:.3g} Å ({a} and {b}), in most frames not "
                f"nearer than {middle:.2f} times the sum of their covalent radii: the coordinates are "
                "probably in bohr, but are taken as Å.",
            )


@lru_cache
def _radii(names: tuple[str, ...]) -> np.ndarray:
    """Sums of the covalent radii of each two types, (ntypes, ntypes) [Å]; NaN where one is not known."""
    radii = np.array([covalent_radius(name) for name in names])
    sums: np.ndarray = radii[:, None] + radii
    return sums


@lru_cache
def _smallest(names: tuple[str, ...]) -> np.ndarray:
    """What each two types keep from each other, (ntypes, ntypes) [Å]."""
    radii = _radii(names)
    return np.where(np.isnan(radii), SMALLEST, NO_BOND * radii)


def _frames(places: list[tuple[str, int]]) -> str:
    """``3 frames (the first: system a, frame 0) have``."""
    (system, frame), *others = places
    if not others:
        return f"frame {frame} of system {system} has"
    return f"{len(places)} frames (the first: system {system}, frame {frame}) have"
