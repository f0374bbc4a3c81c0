# SPDX-License-Identifier: LGPL-3.0-or-later
"""Locks on folders, which the system opens when a process ends, however it does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

try:
    import fcntl
except ImportError:  # no Unix: nothing is locked
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from pathlib import Path


def lock_folder(folder: str | Path) -> int | None:
    """The file number that holds the lock until it is closed; None: such a folder cannot be locked here.

    Raises
    ------
    BlockingIOError
        Another holds the lock.
    OSError
        There is no such folder, or it cannot be opened.
    """
    if fcntl is None:
        return None
    number = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(number)
        raise
    except OSError:  # some network file systems lock no folders
        os.close(number)
        return None
    return number
