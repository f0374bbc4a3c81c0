# SPDX-License-Identifier: LGPL-3.0-or-later
"""Periodic images."""

from __future__ import annotations

import numpy as np


def minimum_image(vector: np.ndarray, box: np.ndarray | None) -> np.ndarray:
    """The shortest of the periodic images of vectors, if it is shorter than half of the cell's thickness.

    Parameters
    ----------
    vector : np.ndarray, (nframes, n, 3) [Å]
    box : np.ndarray or None, (nframes, 3, 3) [Å]
    """
    if box is None:
        return vector
    parts = vector @ np.linalg.inv(box)
    shortest: np.ndarray = (parts - np.rint(parts)) @ box
    return shortest
