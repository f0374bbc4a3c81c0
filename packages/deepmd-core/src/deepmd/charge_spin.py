# SPDX-License-Identifier: LGPL-3.0-or-later
"""The total charge and the spin of a frame, which some models take beside its atoms: which ones there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

CHARGE_SPIN = "charge_spin"
"""Both numbers of a frame, (nframes, 2), as an argument of `eval`, in data and in ``atoms.info``."""
CHARGES = range(-100, 100)
"""Total charges [e] that models have a vector for, as in deepmd-kit."""
SPINS = range(100)
"""Spins that they have one for: multiplicities 2S + 1, or what else the data count by."""
NEUTRAL = (0, 1)
"""No charge, all electrons paired."""


def problem_of(pairs: ArrayLike, atype: np.ndarray | None = None) -> tuple[int, str] | None:
    """What is wrong with charges and spins, (nframes, 2): the first such frame and a clause; None: nothing is.

    The types don't matter, see `DataRequirement.problem`.
    """
    # the schema, which is read without NumPy, has these numbers from here
    import numpy as np

    del atype
    pairs = np.asarray(pairs, dtype=np.float64)
    least, most = (np.array([getattr(known, end) for known in (CHARGES, SPINS)]) for end in ("start", "stop"))
    is_wrong = (pairs != np.rint(pairs)) | (pairs < least) | (pairs >= most)
    if not is_wrong.any():
        return None
    frame, column = np.argwhere(is_wrong)[0]
    name, value = ("charge", "spin")[column], pairs[frame, column]
    return int(frame), f"holds the {name} {value:g}; expected integers from {least[column]} to {most[column] - 1}"
