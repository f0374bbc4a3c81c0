# SPDX-License-Identifier: LGPL-3.0-or-later
"""What forces do along bonds: a stretched one pulls its atoms together, in any matter and any frame."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deepmd.check.distances import NO_BOND
from deepmd.check.images import minimum_image
from deepmd.elements import covalent_radius

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepmd.data import Batch

LONGEST = 1.3
"""In multiples of the sum of the covalent radii, up to where the nearest neighbor is bound."""
MOST_ATOMS = 64
"""Atoms of a frame whose nearest neighbor is looked for, among all."""
IN_A_ROW = 8
"""Frames whose means are taken: few, so that bonds may break between them."""
ENOUGH = 20
"""Lengths of bonds of two elements that tell something."""
ORGANIC = frozenset({"H", "C", "N", "O", "F"})
WHOLE = 8.0
"""[eV/Å²] Less is the stiffness of a correction to another method, or of no bond."""


class Bond(NamedTuple):
    """The bonds of two elements.

    Attributes
    ----------
    name : str
        Such as ``H-O``.
    is_organic : bool
        Whether it is a covalent one of light elements.
    correlation : float
        Of a bond's length and the force that pushes its atoms apart: about -1 where forces are right.
    stiffness : float
        The force that pulls them together for each Å of stretching [eV/Å²].
    """

    name: str
    is_organic: bool
    correlation: float
    stiffness: float


class Bonds:
    """Collects lengths of bonds, each less its mean over some frames, and the forces along them."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], np.ndarray] = defaultdict(lambda: np.zeros(4))

    def add(self, batch: Batch, names: Sequence[str]) -> None:
        """Takes frames with forces in, if all have the same atoms; their types have these names."""
        for start in range(0, batch.nframes - 1, IN_A_ROW):
            some = slice(start, start + IN_A_ROW)
            if (batch.atype[some] == batch.atype[start]).all():
                box = None if batch.box is None else batch.box[some]
                self._add(batch.coord[some], box, batch.atype[start], batch.labels["force"][some], names)

    def _add(
        self, coord: np.ndarray, box: np.ndarray | None, atype: np.ndarray, force: np.ndarray, names: Sequence[str]
    ) -> None:
        """Takes frames of the same atoms in, (n, natoms, 3)."""
        first, second = _nearest(coord[:1], None if box is None else box[:1], atype, names)
        if not len(first):
            return
        vector = minimum_image(coord[:, second] - coord[:, first], box)
        length = np.linalg.norm(vector, axis=2)
        # the same two atoms stay bound
        stay = (length.max(axis=0) < 1.3 * length.min(axis=0)) & (length.min(axis=0) > 0)
        first, second, vector, length = first[stay], second[stay], vector[:, stay], length[:, stay]
        apart = 0.5 * ((force[:, second] - force[:, first]) * vector).sum(axis=2) / length
        stretch, apart = length - length.mean(axis=0), apart - apart.mean(axis=0)
        products = np.stack([np.ones_like(stretch), stretch**2, stretch * apart, apart**2]).sum(axis=1)
        pairs = np.sort(np.stack([atype[first], atype[second]]), axis=0)
        for a, b in np.unique(pairs, axis=1).T.tolist():
            these = (pairs == [[a], [b]]).all(axis=0)
            self._sums[min(names[a], names[b]), max(names[a], names[b])] += products[:, these].sum(axis=1)

    def merge(self, other: Bonds) -> None:
        """Takes in what another one has."""
        for pair, sums in other._sums.items():
            self._sums[pair] += sums

    def strongest(self) -> Bond | None:
        """The one whose length and force go together most; None where there are too few."""
        bonds = [_bond(pair, sums) for pair, sums in self._sums.items() if sums[0] >= ENOUGH and sums[1] * sums[3] > 0]
        return max(bonds, key=lambda bond: abs(bond.correlation), default=None)

    def pushed(self) -> Bond | None:
        """The strongest, if it is pushed apart when it is stretched, as by forces of the wrong sign."""
        bond = self.strongest()
        if bond is None or bond.correlation < 0.5 or (bond.is_organic and abs(bond.stiffness) < WHOLE):
            return None
        return bond


def _bond(pair: tuple[str, str], sums: np.ndarray) -> Bond:
    _, squares, product, forces = sums.tolist()
    return Bond("-".join(pair), set(pair) <= ORGANIC, product / (squares * forces) ** 0.5, -product / squares)


def _nearest(
    coord: np.ndarray, box: np.ndarray | None, atype: np.ndarray, names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Atoms of a frame, (1, natoms, 3), and the nearest neighbor of each, where the two are bound; each bond once."""
    real = np.flatnonzero(atype >= 0)
    chosen = real[np.unique(np.linspace(0, len(real) - 1, min(len(real), MOST_ATOMS)).astype(int))]
    vector = minimum_image((coord[:, real] - coord[0, chosen][:, None]).reshape(1, -1, 3), box)
    length = np.linalg.norm(vector, axis=2).reshape(len(chosen), len(real))
    length[chosen[:, None] == real] = np.inf
    nearest = length.argmin(axis=1)
    radii = np.array([covalent_radius(name) for name in names])[atype]
    first, second = chosen, real[nearest]
    ratio = length.min(axis=1) / (radii[first] + radii[second])
    bound = (ratio > NO_BOND) & (ratio < LONGEST)
    pairs = np.unique(np.sort(np.stack([first[bound], second[bound]]), axis=0), axis=1)
    return pairs[0], pairs[1]
