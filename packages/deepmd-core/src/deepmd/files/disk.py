# SPDX-License-Identifier: LGPL-3.0-or-later
"""Waiting until files are on the disk, where a power cut can't reach them."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def sync(folder: Path) -> None:
    """Waits until a folder and all in it are on the disk."""
    for top, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(top, name)
            if not os.path.islink(path):
                _sync_file(path)
        sync_folder(top)


def _sync_file(path: str) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # what such a file system can't do it need not do
            raise
    finally:
        os.close(number)


def sync_folder(path: str | Path) -> None:
    """A folder's names; some systems can't, or let nobody."""
    with suppress(OSError):
        _sync_file(os.fspath(path))
