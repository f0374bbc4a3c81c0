# SPDX-License-Identifier: LGPL-3.0-or-later
"""Results that are not finite don't leave the program: the frame and the atoms are named instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd.errors import ResultError

if TYPE_CHECKING:
    from collections.abc import Mapping

OVERLAP = 1e-3
"""A distance [Å] below which two atoms are taken to be at the same place."""
MAX_ATOMS = 20_000
"""Atoms of a frame above which no pair is looked for."""


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
    coord, cell = coords[frame][real], None if cells is None else cells[frame]
    if len(real) > MAX_ATOMS:
        return None
    for number, position in enumerate(coord):
        vector = coord[number + 1 :] - position
        if cell is not None:
            vector = vector - np.rint(vector @ np.linalg.inv(cell)) @ cell
        near = np.flatnonzero(np.linalg.norm(vector, axis=1) < OVERLAP)
        if len(near):
            return int(real[number]), int(real[number + 1 + near[0]])
    return None
