# SPDX-License-Identifier: LGPL-3.0-or-later
"""Keeping what a training before has left: programs repeat steps in a folder, and nobody's results are to be lost."""

from __future__ import annotations

import itertools
import logging
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

log = logging.getLogger(__name__)

PREFIX = "backup."


def set_aside(files: Iterable[Path], why: str) -> None:
    """Moves files, where they are there, into a new folder ``backup.<number>`` beside them, with a line in the log.

    Parameters
    ----------
    files : iterable of Path
        Those that name others last.
    why : str
        For the line, as in ``of the training before``.
    """
    found: dict[Path, list[Path]] = {}
    for file in files:
        if file.is_file() or file.is_symlink():
            found.setdefault(file.parent, []).append(file)
    for parent, names in found.items():
        folder = _new_folder(parent)
        for name in names:
            os.replace(name, folder / name.name)
        said = ", ".join(name.name for name in names[:3])
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        log.warning("%s: %s%s kept in %s.", why, said, more, folder)


def _new_folder(parent: Path) -> Path:
    for number in itertools.count(1):
        folder = parent / f"{PREFIX}{number}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise AssertionError("there is no end to numbers")
