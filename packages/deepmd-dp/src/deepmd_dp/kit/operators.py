# SPDX-License-Identifier: LGPL-3.0-or-later
"""Operators that the graph in a file may have: those that only compute. Others read and write files at will."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from deepmd.errors import ModelFileError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

VARIABLE = "DP_ANY_OPERATOR"
"""Of the environment: 1 lets all operators through."""
LIST = "operators.inc"
"""The file in each backend's package that lists operators that only compute, for Python and C++: ``"Add",``."""


def refuse_operators(found: Iterable[str], known: Path, path: str) -> None:
    """Refuses a file with other operators than those that are known.

    Parameters
    ----------
    found : iterable of str
        Names of all operators of its graph.
    known : Path
        A `LIST`.
    path : str
        The file, for people.

    Raises
    ------
    ModelFileError
        Names the operators.
    """
    others = sorted(set(found) - set(re.findall(r'"([^"]+)"', known.read_text(encoding="utf-8"))))
    if others and os.environ.get(VARIABLE) != "1":
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        raise ModelFileError(
            f"{path} has operators that no model of ours needs: {', '.join(others[:5])}{more}. What they do is not "
            f"known, and some write files; where you trust whoever gave you the file, set {VARIABLE}=1."
        )
