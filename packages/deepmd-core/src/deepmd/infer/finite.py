# SPDX-License-Identifier: LGPL-3.0-or-later
"""Results that are not finite don't leave the program: the frame and the atoms are named instead."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from deepmd.errors import ResultError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OVERLAP = 1e-3
"""A distance [Å] below which two atoms are taken to be at the same place."""
_CELL = 0.1
"""Edge of the cells [Å] in which atoms are looked for: few hold two atoms that are apart."""


def check_results(results: Mapping[str, np.ndarray], frames: Mapping[str, np.ndarray | None], first: int = 0) -> None:
    """Checks what a model gives.

    Parameters
    ----------
    results : mapping
        Arrays of frames by name, (nframes, ...).
    frames : mapping
        What `deepmd.infer.frames.read_frames` gives.
    first : int
        Number of the first frame.

    Raises
    ------
    ResultError
        A number is not finite; names the frame, and its two atoms at the same place where there are such.
    """
    for name, values in results.items():
        if np.isfinite(values).all():
            continue
        frame = int(np.argwhere(~np.isfinite(values))[0][0])
        pair = _overlapping_pair(frames, frame)
        if pair is None:
            reason = "no two atoms are at the same place, so look at the coordinates and at the model's parameters"
        else:
            reason = f"atoms {pair[0]} and {pair[1]} are at the same place; move one, or leave the frame out"
        raise ResultError(first + frame, f"the model's {name} is not finite; {reason}.")


def _overlapping_pair(frames: Mapping[str, np.ndarray | None], frame: int) -> tuple[int, int] | None:
    """Numbers of two real atoms at the same place, images included; None where there are none."""
    coords, cells, types = frames["coords"], frames["cells"], frames["atom_types"]
    assert coords is not None
    assert types is not None
    real = np.flatnonzero(types[frame] >= 0)
    coord = coords[frame][real]
    if not len(real):
        return None
    # of an open frame, one in which no atom comes near an image
    box = np.diag(np.ptp(coord, axis=0) + 1.0) if cells is None else cells[frame]
    fractional = coord @ np.linalg.inv(box)
    number = np.maximum(1, (1.0 / np.linalg.norm(np.linalg.inv(box), axis=0) / _CELL).astype(np.int64))
    # a pair on both sides of a face is in one cell where the cells are moved by half of one
    pairs = [
        pair
        for shift in itertools.product((0.0, 0.5), repeat=3)
        for pair in _near_in_cells(np.floor(fractional * number + shift).astype(np.int64) % number, fractional, box)
    ]
    return (int(real[min(pairs)[0]]), int(real[min(pairs)[1]])) if pairs else None


def _near_in_cells(cell: np.ndarray, fractional: np.ndarray, box: np.ndarray) -> Iterator[tuple[int, int]]:
    """Pairs at the same place in the same cell; cell (natoms, 3), fractional (natoms, 3), box (3, 3) [Å]."""
    order = np.lexsort(cell.T)
    ordered = cell[order]
    for step in range(1, len(order)):
        same = np.flatnonzero((ordered[step:] == ordered[:-step]).all(axis=1))
        if not len(same):
            return
        first, second = order[same], order[same + step]
        vector = fractional[second] - fractional[first]
        near = np.linalg.norm((vector - np.rint(vector)) @ box, axis=1) < OVERLAP
        if near.any():
            yield from ((min(pair), max(pair)) for pair in zip(first[near], second[near], strict=True))
            return
