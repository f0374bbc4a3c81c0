# SPDX-License-Identifier: LGPL-3.0-or-later
"""The total charge and the spin of a frame, which some models take beside its atoms: which ones there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

CHARGE_SPIN = "charge_spin"
"""Both numbers of a frame, (nframes, 2), as an argument of `eval`, in data and in ``atoms.info``."""
CHARGES = range(-100, 100)
"""Total charges [e] that models have a vector for, as in deepmd-kit."""
SPINS = range(100)
"""Spins that they have one for: multiplicities 2S + 1, or what else the data count by."""
NEUTRAL = (0, 1)
"""No charge, all electrons paired."""


def problem_of(pairs: Iterable[Iterable[float]]) -> str | None:
    """What is wrong with charges and spins, one pair a frame: a clause; None: nothing is."""
    for pair in pairs:
        for name, known, value in zip(("charge", "spin"), (CHARGES, SPINS), pair, strict=True):
            if not float(value).is_integer() or int(value) not in known:
                return f"holds the {name} {value:g}; expected integers from {known.start} to {known.stop - 1}"
    return None
