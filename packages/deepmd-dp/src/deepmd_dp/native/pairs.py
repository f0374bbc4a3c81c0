# SPDX-License-Identifier: LGPL-3.0-or-later
"""The neighbor search in C++."""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from ctypes import byref, c_double, c_int32, c_int64, c_void_p
from typing import TYPE_CHECKING

import numpy as np

from deepmd_dp.dialect.array import Float, Int
from deepmd_dp.native.library import address, call, frame_of, library

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deepmd_dp.neighbor.frame import Frame


class _Search(ctypes.Structure):
    _fields_ = [
        ("rcut", c_double),
        ("exclude_pairs", c_void_p),
        ("nexclude", c_int64),
        ("by_type", c_int32),
        ("nthreads", c_int32),
    ]


@contextmanager
def found_pairs(
    frame: Frame, rcut: float, *, by_type: bool = False, exclude_pairs: Sequence[tuple[int, int]] = (), nthreads: int
) -> Iterator[Pairs]:
    """The pairs within the cut-off [Å], kept by C++ during the block; `build_neighbor_list` says what is meant."""
    excluded = np.array(exclude_pairs, dtype=np.int32)
    search = _Search(rcut, address(excluded, np.int32), len(excluded), by_type, nthreads)
    handle = c_void_p()
    call("find_pairs", byref(frame_of(frame)), byref(search), byref(handle))
    try:
        yield Pairs(handle, len(frame.coord))
    finally:
        library().deepmd_dp_free_pairs(handle)


class Pairs:
    """What was found in a frame: for each of `natoms` its neighbors, the nearest first."""

    def __init__(self, handle: c_void_p, natoms: int) -> None:
        self._handle, self._natoms = handle, natoms

    def free_widths(self, nsections: int) -> list[int]:
        """Widths of sections that hold every neighbor, at least 1 each."""
        widths = np.empty(nsections, dtype=np.int64)
        call("free_widths", self._handle, nsections, widths.ctypes.data)
        return widths.tolist()

    def padded(self, widths: list[int]) -> tuple[Int[np.ndarray, "nloc nnei"], Float[np.ndarray, "nloc nnei 3"], int]:
        """Neighbors (-1: none) and shifts [Å] in rows of equal length, and how many atoms have more neighbors."""
        nlist = np.empty((self._natoms, sum(widths)), dtype=np.int64)
        shift, ndropped = np.empty((*nlist.shape, 3)), c_int64()
        sections = np.array(widths, dtype=np.int64)
        call(
            *("fill_padded", self._handle, len(sections)),
            *(array.ctypes.data for array in (sections, nlist, shift)),
            byref(ndropped),
        )
        return nlist, shift, ndropped.value

    def counts(self, ntypes: int) -> tuple[Float[np.ndarray, "ntypes ntypes"], Int[np.ndarray, "ntypes"], int]:
        """Nearest distances [Å] of each two types, the most neighbors of each type that an atom has, and of all."""
        nearest, largest, most = np.empty((ntypes, ntypes)), np.empty(ntypes, dtype=np.int64), c_int64()
        call("count_neighbors", self._handle, int(ntypes), nearest.ctypes.data, largest.ctypes.data, byref(most))
        return nearest, largest, most.value
