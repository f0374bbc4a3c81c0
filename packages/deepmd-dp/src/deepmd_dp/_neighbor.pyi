# SPDX-License-Identifier: LGPL-3.0-or-later
"""The neighbor search in C++; arguments and results are described in `deepmd_dp.neighbor`."""

import numpy as np

Flags = tuple[bool, bool, bool]

def build_padded(
    coord: np.ndarray,
    atype: np.ndarray,
    box: np.ndarray | None,
    pbc: Flags,
    rcut: float,
    nsections: int,
    widths: list[int] | None,
    exclude_pairs: list[tuple[int, int]],
    nthreads: int,
) -> tuple[np.ndarray, np.ndarray, list[int], int]: ...
def build_pairs(
    coord: np.ndarray,
    atype: np.ndarray,
    box: np.ndarray | None,
    pbc: Flags,
    rcut: float,
    exclude_pairs: list[tuple[int, int]],
    nthreads: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]: ...
def count_neighbors(
    coord: np.ndarray,
    atype: np.ndarray,
    box: np.ndarray | None,
    pbc: Flags,
    rcut: float,
    ntypes: int,
    nthreads: int,
) -> tuple[np.ndarray, np.ndarray, int]: ...
