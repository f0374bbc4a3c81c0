# SPDX-License-Identifier: LGPL-3.0-or-later
"""The sub-commands of `dp`: one module each, whose ``run(args)`` does the work."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from deepmd.commands import NOT_YET

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> None:
    """Runs a sub-command: ``deepmd.entrypoints.<command>.run(args)``."""
    module = "not_yet" if args.command in NOT_YET else args.command.replace("-", "_")
    import_module(f"deepmd.entrypoints.{module}").run(args)
