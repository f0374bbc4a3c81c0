# SPDX-License-Identifier: LGPL-3.0-or-later
"""Spins stored as virtual atoms, which is how deepmd-kit's TensorFlow backend has them, read as spins.

Such data have types beyond those of the model: the k-th type with spin has the virtual type ``ntypes + k``, whose atoms
stand in the order of the atoms that they belong to, at r + λ s; the force on one is the magnetic force, -dE/ds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd.data.source import Source
from deepmd.data.types import read_types
from deepmd.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deepmd.data.rows import Rows

OF_ATOMS = ("coord", "force")
MADE_OF = {"spin": "coord", "force_mag": "force"}
"""What is read of which item."""


def with_spins(source: Source, type_map: list[str], virtual_scale: Mapping[str, float]) -> Source:
    """The source, or where it has virtual atoms one with ``spin`` and ``force_mag`` in their place.

    Parameters
    ----------
    source : Source
    type_map : list of str
        Names of the model's types.
    virtual_scale : mapping
        Types with spin to λ, distance of the virtual atom by the spin [Å/μB].

    Raises
    ------
    DataError
        There are not as many virtual atoms as atoms with spin.
    """
    if not virtual_scale or source.has("type_map.raw") or np.max(read_types(source)) < len(type_map):
        return source
    return SpinsOfVirtualAtoms(source, type_map, virtual_scale)


class SpinsOfVirtualAtoms(Source):
    """A system without its virtual atoms; the arrays of a set are read as a whole.

    Parameters are those of `with_spins`.
    """

    def __init__(self, source: Source, type_map: list[str], virtual_scale: Mapping[str, float]) -> None:
        super().__init__(source.name)
        self._source = source
        types = read_types(source)
        self._natoms = len(types)
        self._real = np.flatnonzero(types < len(type_map))
        self._types = types[self._real]
        self._pairs = []
        for k, (name, scale) in enumerate(virtual_scale.items()):
            atoms, virtual = (np.flatnonzero(types == t) for t in (type_map.index(name), len(type_map) + k))
            if len(atoms) != len(virtual):
                raise DataError(
                    f"system {source.name}: type.raw has {len(virtual)} atoms of type {len(type_map) + k}, the virtual "
                    f"ones of {name}, of which there are {len(atoms)}; expected as many, or a file spin.npy instead."
                )
            self._pairs.append((atoms, virtual, scale))
        if types.max() >= len(type_map) + len(virtual_scale):
            known = len(type_map) + len(virtual_scale)
            raise DataError(f"system {source.name}: type.raw holds {types.max()}, but there are {known} types.")

    def words(self, name: str) -> list[str] | None:
        return [str(each) for each in self._types] if name == "type.raw" else self._source.words(name)

    def has(self, name: str) -> bool:
        return self._source.has(name)

    def sets(self) -> list[str]:
        return self._source.sets()

    def where(self, set_name: str, key: str) -> str:
        return self._source.where(set_name, MADE_OF.get(key, key))

    def items(self, set_name: str) -> set[str]:
        found = self._source.items(set_name)
        return found | {key for key, origin in MADE_OF.items() if origin in found}

    def array(self, set_name: str, key: str) -> Rows:
        if key not in (*OF_ATOMS, *MADE_OF) and not key.startswith(("atom_", "atomic_")):
            return self._source.array(set_name, key)
        values = np.asarray(self._source.array(set_name, MADE_OF.get(key, key))[()], dtype=np.float64)
        if values.size % self._natoms:
            return values  # its shape is refused where it is checked
        rows = values.reshape(1 if values.ndim == 1 else len(values), self._natoms, -1)
        if key in MADE_OF:
            rows = self._of_virtual(rows, set_name, is_spin=key == "spin")
        return rows[:, self._real].reshape(len(rows), -1)

    def _of_virtual(self, rows: np.ndarray, set_name: str, *, is_spin: bool) -> np.ndarray:
        """Of each atom what its virtual one says, of positions the spins; 0 for atoms without."""
        found = np.zeros_like(rows)
        for atoms, virtual, scale in self._pairs:
            if is_spin:
                found[:, atoms] = self._nearest(rows[:, virtual] - rows[:, atoms], set_name) / scale
            else:
                found[:, atoms] = rows[:, virtual]
        return found

    def _nearest(self, shift: np.ndarray, set_name: str) -> np.ndarray:
        """Displacements by the nearest images, should one atom of a pair have been moved into the cell."""
        if self._source.has("nopbc") or not self._source.exists(set_name, "box"):
            return shift
        box = np.asarray(self._source.array(set_name, "box")[()], dtype=np.float64).reshape(-1, 3, 3)
        nearest: np.ndarray = shift - np.rint(shift @ np.linalg.inv(box)) @ box
        return nearest
