# SPDX-License-Identifier: LGPL-3.0-or-later
"""Masks of atoms: which of a frame are there, and which only fill it up."""

from __future__ import annotations

import numpy as np

from deepmd.data.batch import DataRequirement
from deepmd.errors import InputError

MASK = DataRequirement("aparam", 1, atomic=True, must=True)
"""Where the data have it."""


def check_mask(mask: np.ndarray) -> None:
    """Refuses numbers that are no mask, (nframes, natoms, 1).

    Raises
    ------
    InputError
        Names the first atom whose number is neither 0 nor 1.
    """
    is_wrong = (mask[..., 0] != 0.0) & (mask[..., 0] != 1.0)
    if is_wrong.any():
        frame, atom = np.argwhere(is_wrong)[0]
        raise InputError(
            f"aparam is {mask[frame, atom, 0]:g} for atom {atom} of frame {frame}, and is the model's mask; expected 1 "
            "for an atom that is there, 0 for one that fills up."
        )
