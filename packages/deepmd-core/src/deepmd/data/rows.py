# SPDX-License-Identifier: LGPL-3.0-or-later
"""Reading frames of an array on disk, and checking one piece by piece."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

from deepmd.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK_NUMBERS = 2_000_000
"""Numbers that are held in memory at a time while an array is checked (16 MB)."""


class Rows(Protocol):
    """An array that lies on disk or in memory: NpyFile, h5py.Dataset, np.ndarray."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes; the first one counts the rows."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    @property
    def size(self) -> int:
        """Number of elements."""

    def __getitem__(self, index: int | slice | np.ndarray | tuple[()]) -> np.ndarray:
        """Rows; arrays of indices are increasing."""


def check_shape(array: Rows, nframes: int, width: int, where: str, meaning: str) -> None:
    """Raises DataError unless the array holds ``width`` numbers in each of ``nframes`` frames.

    A single frame may lack the axis of the frames.
    """
    if nframes == 1 and array.size == width:
        return
    rows = array.shape[0] if array.ndim else 1
    if array.size == rows * width and rows != nframes:
        raise DataError(f"{where}: {rows} frames, but the coordinates of this set have {nframes}.")
    if array.size != nframes * width or rows != nframes:
        raise DataError(f"{where}: shape {tuple(array.shape)}, expected ({nframes}, {width}): {meaning}.")


def read_rows(array: Rows, rows: np.ndarray, nframes: int, width: int) -> np.ndarray:
    """Frames of an array whose shape was checked, (len(rows), width), in the order of ``rows``."""
    if nframes == 1:
        repeated: np.ndarray = np.asarray(array[()]).reshape(1, width)[rows]
        return repeated
    if len(rows) == 1:
        return np.asarray(array[rows[0]]).reshape(1, width)
    # increasing and unique: what h5py asks for, and the fastest order for a memory map
    ordered, inverse = np.unique(rows, return_inverse=True)
    found: np.ndarray = np.asarray(array[ordered]).reshape(len(ordered), width)[inverse]
    return found


def iterate_rows(array: Rows, nframes: int, width: int) -> Iterator[tuple[int, np.ndarray]]:
    """Pieces of an array: the number of the first frame and the frames, (n, width)."""
    step = max(1, CHUNK_NUMBERS // max(width, 1))
    if nframes == 1:
        yield 0, np.asarray(array[()]).reshape(1, width)
        return
    for start in range(0, nframes, step):
        piece = np.asarray(array[start : start + step])
        yield start, piece.reshape(len(piece), width)


def check_finite(array: Rows, nframes: int, width: int, where: str, largest: float = math.inf) -> None:
    """Raises DataError that names the first frame with NaN, infinity, or a number beyond `largest`."""
    for start, piece in iterate_rows(array, nframes, width):
        is_right = np.isfinite(piece) & (np.abs(piece) <= largest)
        if not is_right.all():
            row = int(np.argmin(is_right.all(axis=1)))
            value = piece[row][~is_right[row]][0]
            raise DataError(f"{where}: frame {start + row} holds {value}; remove or mend this frame.")


def check_cells(array: Rows, nframes: int, where: str) -> None:
    """Raises DataError that names the first frame whose cell vectors span no volume."""
    for start, piece in iterate_rows(array, nframes, 9):
        flat = np.abs(np.linalg.det(piece.reshape(-1, 3, 3).astype(np.float64))) < 1e-12
        if flat.any():
            raise DataError(
                f"{where}: the cell of frame {start + int(np.argmax(flat))} has no volume; "
                "for open boundaries put an empty file `nopbc` beside type.raw."
            )
