# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp doc-train-input`: prints what an input file may contain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.schema import doc

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> None:
    """Prints the schema as ``args.out_type``: ``rst``, ``json`` or ``json_schema``."""
    print(doc(args.out_type))
