# SPDX-License-Identifier: LGPL-3.0-or-later
"""The sub-commands of deepmd-kit that this version does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.commands import NOT_YET
from deepmd.errors import InputError

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> None:
    """Says that the command is not there yet, and what to do instead.

    Raises
    ------
    InputError
        Always.
    """
    missing = NOT_YET[args.command]
    raise InputError(
        f"`dp {args.command}` (to {missing.purpose}) is not in this version of deepmd-core yet; {missing.remedy}."
    )
