# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a check has to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMED = 3
"""Systems that a message names."""


class Finding(NamedTuple):
    """Something that is probably wrong.

    Attributes
    ----------
    kind : str
        A word for it, such as ``distances``.
    message : str
        One sentence: what was found, and its likely cause.
    is_error : bool
        Whether no training can begin with it.
    """

    kind: str
    message: str
    is_error: bool = False


def some_names(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown} and {len(names) - NAMED} more"
