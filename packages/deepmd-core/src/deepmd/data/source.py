# SPDX-License-Identifier: LGPL-3.0-or-later
"""Where a system's arrays lie: a folder of npy files, a folder of text, a group of an HDF5 file; others subclass it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from functools import lru_cache
from typing import TYPE_CHECKING

import h5py
import numpy as np

from deepmd.data.npy import open_npy
from deepmd.errors import DataError
from deepmd.files import read_text, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deepmd.data.npy import NpyFile
    from deepmd.data.rows import Rows

MAX_TEXT_FILES = 512
MOST_COMPRESSED = 1100
"""No method of HDF5 compresses further: what claims more was never written, and would be read as zeros."""
MAX_OPEN_HDF5_FILES = 32


class Source(ABC):
    """The files of one system, whatever holds them. Arrays stay on disk until rows are taken."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def words(self, name: str) -> list[str] | None:
        """The words of a small file such as ``type.raw``; None where there is none."""

    @abstractmethod
    def has(self, name: str) -> bool:
        """Whether a file such as ``nopbc`` is there."""

    @abstractmethod
    def sets(self) -> list[str]:
        """Names of the sets in order."""

    @abstractmethod
    def where(self, set_name: str, key: str) -> str:
        """The file of an item, for messages and for `array`."""

    @abstractmethod
    def items(self, set_name: str) -> set[str]:
        """The items in a set."""

    def exists(self, set_name: str, key: str) -> bool:
        """Whether the item is in the set."""
        return key in self.items(set_name)

    @abstractmethod
    def array(self, set_name: str, key: str) -> Rows:
        """The item's array, on disk where the format allows it: has a shape and takes row indices."""


class Folder(Source):
    """A folder; what the arrays' files look like is left to subclasses."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        # one listing instead of a look at each file, which would take most of the time to open many systems
        self._files = _list(name)

    def words(self, name: str) -> list[str] | None:
        if not self.has(name):
            return None
        return read_text(os.path.join(self.name, name), DataError).split()

    def has(self, name: str) -> bool:
        return name in self._files


def _list(path: str) -> frozenset[str]:
    """Names of the files in a folder."""
    try:
        return frozenset(os.listdir(path))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {reason_of(error)}.") from error


class NpyFolder(Folder):
    """A folder with ``type.raw`` and ``set.*/*.npy``."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        folders = (file for file in sorted(self._files) if file.startswith("set."))
        paths = {file: os.path.join(name, file) for file in folders}
        self._sets = {file: _list(path) for file, path in paths.items() if os.path.isdir(path)}

    def sets(self) -> list[str]:
        return list(self._sets)

    def where(self, set_name: str, key: str) -> str:
        return os.path.join(self.name, set_name, f"{key}.npy")

    def items(self, set_name: str) -> set[str]:
        return _without(".npy", self._sets[set_name])

    def exists(self, set_name: str, key: str) -> bool:
        return f"{key}.npy" in self._sets[set_name]

    def array(self, set_name: str, key: str) -> NpyFile:
        return open_npy(self.where(set_name, key))


class TextFolder(Folder):
    """A folder with ``coord.raw`` and the like, one frame a line. A file is held in memory once it is read."""

    def sets(self) -> list[str]:
        return ["."] if self.has("coord.raw") else []

    def where(self, set_name: str, key: str) -> str:
        return os.path.join(self.name, f"{key}.raw")

    def items(self, set_name: str) -> set[str]:
        return _without(".raw", self._files) - {"type", "type_map"}

    def array(self, set_name: str, key: str) -> np.ndarray:
        path = self.where(set_name, key)
        return _read_numbers(path, os.stat(path).st_mtime_ns)


class HDF5Group(Source):
    """A group of an HDF5 file, written ``file.hdf5#/group``, with the same names inside as a folder has."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.path, _, group = name.partition("#")
        self.group = group.strip("/")

    def words(self, name: str) -> list[str] | None:
        if not self.has(name):
            return None
        values = np.atleast_1d(self._dataset(name, "fiubOSU")[()]).ravel().tolist()
        return [value.decode() if isinstance(value, bytes) else str(value) for value in values]

    def has(self, name: str) -> bool:
        return self._inside(name) in self._root()

    def sets(self) -> list[str]:
        group = self._root()[f"/{self.group}"]
        return sorted(key for key in group if key.startswith("set."))

    def where(self, set_name: str, key: str) -> str:
        return f"{self.path}#{self._inside(f'{set_name}/{key}.npy')}"

    def items(self, set_name: str) -> set[str]:
        return _without(".npy", self._root()[self._inside(set_name)])

    def exists(self, set_name: str, key: str) -> bool:
        return self.has(f"{set_name}/{key}.npy")

    def array(self, set_name: str, key: str) -> h5py.Dataset:
        return self._dataset(f"{set_name}/{key}.npy", "fiub")

    def _dataset(self, name: str, kinds: str) -> h5py.Dataset:
        """A dataset whose numbers, or words, are in this file, and no more of them than it can hold."""
        dataset = self._root()[self._inside(name)]
        where = f"{self.path}#{self._inside(name)}"
        if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in kinds:
            raise DataError(f"{where} holds no {'words' if 'S' in kinds else 'numbers'}; write it again.")
        if dataset.is_virtual or dataset.external or dataset.file != self._root():
            raise DataError(f"{where} lies in another file; copy it into this one.")
        if dataset.nbytes > MOST_COMPRESSED * dataset.id.get_storage_size():
            raise DataError(f"{where}: {dataset.nbytes} bytes were never written; the file is damaged.")
        return dataset

    def _root(self) -> h5py.File:
        return open_hdf5(self.path)

    def _inside(self, name: str) -> str:
        return f"/{self.group}/{name}" if self.group else f"/{name}"


def _without(ending: str, names: Iterable[str]) -> set[str]:
    """The names with this ending, without it."""
    return {name.removesuffix(ending) for name in names if name.endswith(ending)}


@lru_cache(maxsize=MAX_OPEN_HDF5_FILES)
def open_hdf5(path: str) -> h5py.File:
    """An HDF5 file opened for reading; some stay open, since opening one costs more than a read."""
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise DataError(f"{path}: not an HDF5 file, or truncated ({error}).") from error


@lru_cache(maxsize=MAX_TEXT_FILES)
def _read_numbers(path: str, _changed_ns: int) -> np.ndarray:
    try:
        return np.loadtxt(path, ndmin=2)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {reason_of(error)}.") from error
    except ValueError as error:
        raise DataError(f"{path}: each line must hold the same number of numbers ({error}).") from error
