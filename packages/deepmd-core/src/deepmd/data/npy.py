# SPDX-License-Identifier: LGPL-3.0-or-later
"""An npy file whose rows are read when they are asked for."""

from __future__ import annotations

import os
from functools import lru_cache
from io import BytesIO
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from deepmd.errors import DataError

if TYPE_CHECKING:
    from typing import BinaryIO

MAX_KNOWN_FILES = 200_000
"""Files whose shapes are remembered; none of them stays open."""
MAX_HEADER = 100_000
"""Bytes; what claims a longer header is no file of numbers."""


class NpyFile:
    """The array in an npy file: shape and type from the header, rows from the disk.

    A memory map would do, but not for ten thousand systems: each map costs milliseconds to make, and the number of
    maps of a process is limited.

    Parameters
    ----------
    path : str

    Raises
    ------
    DataError
        The file is not an npy file of numbers, or it is truncated.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            with open(path, "rb") as file:
                header = _read_header(file)
                length = os.fstat(file.fileno()).st_size
            self.shape, self._is_fortran, self.dtype = _parse_header(header)
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
        except (ValueError, EOFError) as error:
            raise DataError(f"{path}: not a NumPy array file ({error}).") from error
        self._offset = len(header)
        if self.dtype.kind not in "fiub":
            raise DataError(f"{path}: holds {self.dtype}, expected numbers.")
        if length < self._offset + self.size * self.dtype.itemsize:
            raise DataError(f"{path}: truncated; its header tells of shape {self.shape}.")

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    def __getitem__(self, index: int | slice | np.ndarray | tuple[()]) -> np.ndarray:
        """Rows, as of an array in memory; ``()`` gives all."""
        if self._is_fortran or not isinstance(index, int | slice | np.ndarray | np.integer):
            array: np.ndarray = np.load(self.path)[index]
            return array
        if isinstance(index, slice):
            start, stop, _ = index.indices(self.shape[0])
            return self._read(start, stop - start)
        if isinstance(index, np.ndarray):
            runs = np.split(index, np.flatnonzero(np.diff(index) != 1) + 1)
            return np.concatenate([self._read(int(run[0]), len(run)) for run in runs])
        row: np.ndarray = self._read(int(index), 1)[0]
        return row

    def _read(self, row: int, count: int) -> np.ndarray:
        """Rows that lie one after the other; the array cannot be written to."""
        row_bytes = prod(self.shape[1:]) * self.dtype.itemsize
        with open(self.path, "rb", buffering=0) as file:
            file.seek(self._offset + row * row_bytes)
            content = file.read(count * row_bytes)
        if len(content) < count * row_bytes:
            raise DataError(f"{self.path}: ends in frame {row + len(content) // max(1, row_bytes)}; was it changed?")
        return np.frombuffer(content, self.dtype).reshape(count, *self.shape[1:])


def open_npy(path: str) -> NpyFile:
    """The array in a file; the header is read again only after the file has changed."""
    return _open_npy(path, os.stat(path).st_mtime_ns)


@lru_cache(maxsize=MAX_KNOWN_FILES)
def _open_npy(path: str, _changed_ns: int) -> NpyFile:
    return NpyFile(path)


def _read_header(file: BinaryIO) -> bytes:
    """All that stands before the numbers; its length is at byte 8, in 2 bytes up to version 1 and in 4 after."""
    start = file.read(12)
    is_short = start[6:7] <= b"\x01"
    length = 10 + int.from_bytes(start[8:10], "little") if is_short else 12 + int.from_bytes(start[8:12], "little")
    return start + file.read(min(length, MAX_HEADER) - len(start))


@lru_cache(maxsize=1024)
def _parse_header(header: bytes) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether in Fortran's order, and type. Cached, since the files of many systems have the same headers."""
    file = BytesIO(header)
    if np.lib.format.read_magic(file) == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)
