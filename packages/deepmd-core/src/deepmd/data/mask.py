# SPDX-License-Identifier: LGPL-3.0-or-later
"""Masks of atoms: which of a frame are there, and which only fill it up."""

from __future__ import annotations

import numpy as np

from deepmd.data.batch import DataRequirement
from deepmd.errors import InputError


def mask_problem(mask: np.ndarray, atype: np.ndarray | None = None) -> tuple[int, str] | None:
    """The first frame whose numbers are no mask, (nframes, natoms, 1), and a clause; see `DataRequirement.problem`."""
    del atype
    is_wrong = (mask[..., 0] != 0.0) & (mask[..., 0] != 1.0)
    if not is_wrong.any():
        return None
    frame, atom = np.argwhere(is_wrong)[0]
    return int(frame), (
        f"has {mask[frame, atom, 0]:g} for atom {atom}, and is the model's mask; expected 1 for an atom that is there, "
        "0 for one that fills up"
    )


MASK = DataRequirement("aparam", 1, atomic=True, must=True, problem=mask_problem)
"""Where the data have it."""


def check_mask(mask: np.ndarray) -> None:
    """Raises InputError for numbers that are no mask, (nframes, natoms, 1)."""
    if problem := mask_problem(mask):
        raise InputError(f"aparam of frame {problem[0]} {problem[1]}.")
