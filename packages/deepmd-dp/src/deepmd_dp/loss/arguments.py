# SPDX-License-Identifier: LGPL-3.0-or-later
"""The keys that losses share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.schema.argument import NOT_NEGATIVE, key

if TYPE_CHECKING:
    from dargs import Argument


def prefactors(term: str, of: str, start: float, limit: float) -> list[Argument]:
    """The weight of a term at the first step and in the limit of a vanishing learning rate."""
    between = "in between it follows the learning rate"
    return [
        key(f"start_pref_{term}", float, f"Weight of the {of} at the start; {between}.", default=start, **NOT_NEGATIVE),
        key(f"limit_pref_{term}", float, f"Weight of the {of} in the end.", default=limit, **NOT_NEGATIVE),
    ]
