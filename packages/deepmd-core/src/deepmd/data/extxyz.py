# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frames of an extended XYZ file, read by ASE: for a first look, since the whole file is held in memory.

Frames with the same number of atoms, boundaries and labels are a system, ``file.extxyz#NATOMS/periodic`` or
``file.extxyz#NATOMS/open``, with the labels behind it where they differ in the file; each frame has its own types.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.data.source import Source
from deepmd.elements import sort_elements
from deepmd.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase import Atoms

ENDINGS = (".extxyz", ".xyz")
THE_SET = "set.000"
LABELS = {
    # where electrons are smeared out, that which the forces are the derivative of
    "energy": ("free_energy", "energy", "totenergy", "total_energy"),
    "force": ("forces", "force"),
    "virial": ("virial", "virials"),
    "stress": ("stress",),
    "dipole": ("dipole",),
}
"""What a label is called in such files, small letters and a prefix such as ``REF_`` or ``DFT_`` apart."""
MOST_FILES = 4
"""Files whose frames are kept."""


def is_extxyz(path: str) -> bool:
    """Whether a file's name says so."""
    return path.lower().endswith(ENDINGS)


class ExtxyzGroup(Source):
    """Frames of a file with the same number of atoms, the same boundaries and the same labels.

    Raises
    ------
    DataError
        ASE is not installed or cannot read the file, or there is no such group in it.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._path, _, group = name.partition("#")
        groups = open_extxyz(self._path)
        if group not in groups:
            raise DataError(f"{self._path}: there is no group {group}; it has {', '.join(groups)}.")
        self._arrays, self._names = groups[group]

    def words(self, name: str) -> list[str] | None:
        if name == "type.raw":
            return ["0"] * self._arrays["real_atom_types"].shape[1]
        return self._names if name == "type_map.raw" else None

    def has(self, name: str) -> bool:
        return name in ("type.raw", "type_map.raw") or (name == "nopbc" and "box" not in self._arrays)

    def sets(self) -> list[str]:
        return [THE_SET]

    def where(self, set_name: str, key: str) -> str:
        return f"{self.name} {key}"

    def items(self, set_name: str) -> set[str]:
        return set(self._arrays)

    def array(self, set_name: str, key: str) -> np.ndarray:
        return self._arrays[key]


Items = dict[str, np.ndarray]
"""Of one frame."""
Group = tuple[dict[str, np.ndarray], list[str]]
"""Each item of the frames, (nframes, n), and the names of the types."""


def open_extxyz(path: str) -> dict[str, Group]:
    """The frames of a file by group; those of the last few files are kept."""
    return _open(path, os.stat(path).st_mtime_ns)


@lru_cache(maxsize=MOST_FILES)
def _open(path: str, _changed_ns: int) -> dict[str, Group]:
    try:
        from ase.io import read
    except ImportError as error:
        raise DataError(f"{path}: reading extxyz needs ASE: `pip install 'deepmd-core[ase]'`.") from error
    try:
        frames = read(path, index=":", format="extxyz")
    except Exception as error:  # ASE raises whatever its parsers do
        raise DataError(f"{path}: ASE cannot read this as extended XYZ ({type(error).__name__}: {error}).") from error
    if not frames:
        raise DataError(f"{path}: no frames.")
    names = sort_elements({symbol for atoms in frames for symbol in atoms.symbols})
    number = {name: index for index, name in enumerate(names)}
    groups: dict[str, dict[tuple[str, ...], list[Items]]] = {}
    for index, atoms in enumerate(frames):
        where = f"{path}: frame {index}"
        if atoms.pbc.any() and not atoms.pbc.all():
            raise DataError(
                f"{where} is periodic along some axes only; data are periodic along all or none: write "
                'pbc="T T T", with empty space along the others, or pbc="F F F".'
            )
        labels = _labels(atoms, where)
        of_boundary = groups.setdefault(f"{len(atoms)}/{'periodic' if atoms.pbc.any() else 'open'}", {})
        of_boundary.setdefault(tuple(sorted(labels)), []).append(_inputs(atoms, number) | labels)
    return {
        key if len(groups[key]) == 1 else f"{key}/{'+'.join(labels) or 'unlabeled'}": (_stacked(items), names)
        for key in sorted(groups)
        for labels, items in sorted(groups[key].items())
    }


def _inputs(atoms: Atoms, number: Mapping[str, int]) -> Items:
    types = np.array([number[symbol] for symbol in atoms.symbols])
    box = {"box": atoms.cell.array} if atoms.pbc.any() else {}
    return {"coord": atoms.positions, "real_atom_types": types, **box}


def _stacked(frames: list[Items]) -> dict[str, np.ndarray]:
    return {key: np.stack([np.ravel(frame[key]) for frame in frames]) for key in frames[0]}


def _labels(atoms: Atoms, where: str) -> Items:
    """What a frame is labelled with, by our names and in our units."""
    results = atoms.calc.results if atoms.calc is not None else {}
    given = {**atoms.arrays, **atoms.info, **results}
    found = {label: _find(given, names, where) for label, names in LABELS.items()}
    labels = {label: np.asarray(value, dtype=float) for label, value in found.items() if value is not None}
    stress = labels.pop("stress", None)
    if stress is not None and "virial" not in labels and atoms.pbc.any():
        labels["virial"] = -atoms.get_volume() * _full(stress)
    if "virial" in labels:
        labels["virial"] = _full(labels["virial"])
    return labels


def _find(given: Mapping[str, Any], names: tuple[str, ...], where: str) -> Any | None:
    """The value of the first of these names, which may have a prefix.

    Raises
    ------
    DataError
        It is there with a prefix and without, and not the same: one of them may be a prediction.
    """
    for name in names:
        keys = [key for key in given if key.lower().removeprefix("ref_").removeprefix("dft_") == name]
        values = [np.asarray(given[key]) for key in keys if given[key] is not None]
        if any(each.shape != values[0].shape or not np.allclose(each, values[0]) for each in values):
            raise DataError(f"{where} has {' and '.join(keys)}, which are not the same; leave one of them in the file.")
        if values:
            return values[0]
    return None


def _full(tensor: np.ndarray) -> np.ndarray:
    """Nine numbers of the nine, or of the six in ASE's order (xx, yy, zz, yz, xz, xy)."""
    return tensor.ravel()[[0, 5, 4, 5, 1, 3, 4, 3, 2]] if tensor.size == 6 else tensor.ravel()
