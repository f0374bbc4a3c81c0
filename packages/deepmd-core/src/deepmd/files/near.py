# SPDX-License-Identifier: LGPL-3.0-or-later
"""Which path may have been meant by one that is not there."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path


def near_path(path: str | Path) -> str:
    """``; perhaps data/valid is meant``, for a message about a path that is not there; empty where none is like it."""
    path = Path(path)
    there = next((parent for parent in path.parents if parent.is_dir()), None)
    if there is None:
        return ""
    wrong, *rest = path.relative_to(there).parts
    try:
        names = [entry.name for entry in there.iterdir()]
    except OSError:
        return ""
    near = (there.joinpath(name, *rest) for name in get_close_matches(wrong, names))
    found = next((each for each in near if each.exists()), None)
    return f"; perhaps {found} is meant" if found is not None else ""
