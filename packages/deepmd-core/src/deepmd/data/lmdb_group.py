# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frames in an LMDB database, as deepmd-kit 3.2 writes them: one msgpack record a frame, and one on them all.

A record maps ``atom_types``, ``coords``, ``cells``, ``energies``, ``forces``, ``virials`` and any other label to an
array, itself a map of ``type``, ``shape`` and ``data``; ``__metadata__`` has ``nframes``, ``frame_idx_fmt``,
``type_map``, ``frame_nlocs`` (atoms of each frame) and, where it was made of several systems, ``frame_system_ids``.
"""

from __future__ import annotations

from functools import cache
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.data.source import Source
from deepmd.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

METADATA = b"__metadata__"
NAMES = {
    "real_atom_types": "atom_types",
    "coord": "coords",
    "box": "cells",
    "energy": "energies",
    "force": "forces",
    "virial": "virials",
}
"""What a frame's items are called in the database, where not as in a system's folder."""
NO_ITEMS = {"atom_numbs", "atom_names", "orig"}
"""What deepmd-kit passes over in a record."""
THE_SET = "set.000"


class LmdbDatabase:
    """A database, and which of its frames have how many atoms.

    Parameters
    ----------
    path : str
        The folder with ``data.mdb``.

    Raises
    ------
    DataError
        The packages that read it are not installed, or it is no such database.
    """

    def __init__(self, path: str) -> None:
        try:
            import lmdb
        except ImportError as error:
            raise DataError(f"{path}: reading LMDB needs two packages: `pip install 'deepmd-core[lmdb]'`.") from error
        self.path = path
        try:
            # no lock file, so that data in a read-only folder can be read
            self._environment = lmdb.open(path, readonly=True, lock=False, readahead=False)
        except lmdb.Error as error:
            raise DataError(f"{path}: not an LMDB database, or truncated ({error}).") from error
        self.metadata = self._record(METADATA)
        lacking = {"nframes", "type_map"} - set(self.metadata)
        if lacking:
            raise DataError(f"{path}: its record __metadata__ lacks {', '.join(sorted(lacking))}.")
        self._format = str(self.metadata.get("frame_idx_fmt", "012d"))
        self.groups = self._find_groups()

    def frame(self, number: int) -> Mapping[str, Any]:
        """The record of a frame, its arrays still encoded."""
        return self._record(format(number, self._format).encode())

    def _record(self, key: bytes) -> dict[str, Any]:
        import msgpack

        with self._environment.begin(buffers=True) as transaction:
            content = transaction.get(key)
            if content is None:
                raise DataError(f"{self.path}: there is no record {key.decode()}; was the database written to its end?")
            try:
                record: dict[str, Any] = msgpack.unpackb(content, raw=False)
            except (ValueError, msgpack.UnpackException) as error:
                raise DataError(f"{self.path}: record {key.decode()} cannot be read ({error}).") from error
        return record

    def _find_groups(self) -> dict[str, np.ndarray]:
        """Numbers of the frames that were one system and have the same number of atoms, by the group's name."""
        nframes = int(self.metadata["nframes"])
        natoms = self.metadata.get("frame_nlocs")
        if natoms is None:
            natoms = [_shape_of(self.frame(number)["atom_types"])[0] for number in range(nframes)]
        systems = self.metadata.get("frame_system_ids") or [0] * nframes
        for key, values in (("frame_nlocs", natoms), ("frame_system_ids", systems)):
            if len(values) != nframes:
                raise DataError(f"{self.path}: {key} has {len(values)} numbers, expected nframes = {nframes}.")
        pairs, group_of = np.unique(np.array([systems, natoms], dtype=np.int64), axis=1, return_inverse=True)
        return {
            f"{system}/{count}": np.flatnonzero(group_of.ravel() == index)
            for index, (system, count) in enumerate(pairs.T.tolist())
        }


class LmdbGroup(Source):
    """Frames of a database with the same number of atoms, written ``data.lmdb#SYSTEM/NATOMS``.

    Each frame has its own types. The first frame tells which items all of them have.

    Raises
    ------
    DataError
        The database has no such group.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        path, _, group = name.partition("#")
        self._database = open_lmdb(path)
        if group not in self._database.groups:
            raise DataError(f"{path}: there is no group {group}; it has {', '.join(self._database.groups)}.")
        self._frames = self._database.groups[group]
        self._natoms = int(group.rpartition("/")[2])
        self._first = self._database.frame(int(self._frames[0]))
        self._known = _items_of(self._first)

    def words(self, name: str) -> list[str] | None:
        if name == "type.raw":
            return ["0"] * self._natoms
        return [str(word) for word in self._database.metadata["type_map"]] if name == "type_map.raw" else None

    def has(self, name: str) -> bool:
        if name == "nopbc":
            # deepmd-kit takes a cell of zeros for none
            return "box" not in self._known or not _decode(self._first[self._known["box"]]).any()
        return name in ("type.raw", "type_map.raw")

    def sets(self) -> list[str]:
        return [THE_SET]

    def where(self, set_name: str, key: str) -> str:
        return f"{self.name} {self._known.get(key, NAMES.get(key, key))}"

    def items(self, set_name: str) -> set[str]:
        return set(self._known)

    def array(self, set_name: str, key: str) -> LmdbRows:
        name = self._known[key]
        return LmdbRows(self._database, self._frames, name, _shape_of(self._first[name]))


def _items_of(record: Mapping[str, Any]) -> dict[str, str]:
    """The names in a record, by those of a folder's files; without what ``find_NAME`` marks as not there."""
    own = {other: name for name, other in NAMES.items()}
    named = {own.get(name, name): name for name in record if name not in NO_ITEMS and not name.startswith("find_")}
    return {key: name for key, name in named.items() if _decode(record.get(f"find_{key}", 1)).all()}


class LmdbRows:
    """One item of all frames of a group (see `deepmd.data.rows.Rows`), (nframes, size of the item)."""

    ndim = 2

    def __init__(self, database: LmdbDatabase, frames: np.ndarray, key: str, item: tuple[int, ...]) -> None:
        self._database = database
        self._frames = frames
        self._key = key
        self.shape = (len(frames), prod(item))

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    def __getitem__(self, index: int | slice | np.ndarray | tuple[()]) -> np.ndarray:
        """Rows; all of them for ``()``."""
        chosen = self._frames[index]
        rows = np.stack([self._row(number) for number in np.atleast_1d(chosen).tolist()])
        return rows if np.ndim(chosen) else rows[0]

    def _row(self, number: int) -> np.ndarray:
        record = self._database.frame(number)
        if self._key not in record:
            raise DataError(
                f"{self._database.path}: frame {number} lacks {self._key}, which other frames of its size have."
            )
        row = _decode(record[self._key]).ravel()
        if len(row) != self.shape[1]:
            where = f"{self._database.path}: frame {number}"
            raise DataError(f"{where}: {self._key} has {len(row)} numbers, expected {self.shape[1]}.")
        return row


@cache
def open_lmdb(path: str) -> LmdbDatabase:
    """The database in a folder; it stays open, since a process may open each only once."""
    return LmdbDatabase(str(Path(path).resolve()))


def is_lmdb(path: str) -> bool:
    """Whether a folder holds an LMDB database."""
    return (Path(path) / "data.mdb").is_file()


def _shape_of(item: Any) -> tuple[int, ...]:
    return tuple(item["shape"] if "shape" in item else item[b"shape"]) if isinstance(item, dict) else np.shape(item)


def _decode(item: Any) -> np.ndarray:
    """The array that an item of a record stands for; plain numbers and lists stand for themselves."""
    if not isinstance(item, dict):
        return np.asarray(item)
    # some writers have bytes for keys
    kind, shape, content = (item[key] if key in item else item[key.encode()] for key in ("type", "shape", "data"))
    array: np.ndarray = np.frombuffer(content, np.dtype(kind if isinstance(kind, str) else kind.decode())).reshape(
        shape
    )
    return array
