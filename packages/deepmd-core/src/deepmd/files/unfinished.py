# SPDX-License-Identifier: LGPL-3.0-or-later
"""Hidden folders in which files are written before they take their names, and what is done to those left by a kill.

A folder is locked by the process that writes in it, and the system opens the lock when the process ends, however it
does. So one that is not locked was left. A lock, not the number of the process: numbers are used again, and those of
other machines or containers that share the disk mean nothing here.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from deepmd.files import undo
from deepmd.files.locks import lock_folder

PREFIX = ".deepmd-"


class Unfinished:
    """A new hidden folder, locked until `remove`.

    Raises
    ------
    OSError
        It cannot be made.
    """

    _all: ClassVar[set[Unfinished]] = set()
    _swept: ClassVar[set[Path]] = set()

    def __init__(self, parent: Path) -> None:
        self._process = os.getpid()
        self._lock: int | None = None
        while not self._make(parent):
            pass

    def _make(self, parent: Path) -> bool:
        """False: another process has at once taken it for one that was left."""
        # a short name, so that any that a file may have fits into the folder
        self.path = parent / f"{PREFIX}{os.urandom(6).hex()}"
        self._all.add(self)
        try:
            self.path.mkdir()
        except OSError:
            self._all.discard(self)
            raise
        with suppress(OSError):
            self._lock = lock_folder(self.path)
            if self.path.is_dir():
                return True
        self._close()
        return False

    @classmethod
    def folders(cls) -> set[Path]:
        """Those that this process has now."""
        return {each.path for each in cls._all}

    @classmethod
    def remove_all(cls) -> None:
        """Removes them before this process ends; not those of a parent process."""
        for each in tuple(cls._all):
            if each._process == os.getpid():
                each.remove()

    def remove(self) -> None:
        """Takes back what has been put in place in part, and removes all else."""
        _remove(self.path)
        self._close()

    def _close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        self._all.discard(self)


def remove_leftovers_once(parent: Path) -> None:
    """`remove_leftovers`, where this process has not done it yet: a long listing is not to slow each writing."""
    if parent not in Unfinished._swept:
        Unfinished._swept.add(parent)
        remove_leftovers(parent)


def remove_leftovers(parent: Path) -> None:
    """Takes back and removes what killed processes have left in a folder."""
    with suppress(OSError):  # where it can't be removed it does no harm
        for entry in os.scandir(parent):
            if entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False):
                with suppress(OSError):
                    lock = lock_folder(entry.path)
                    if lock is not None:
                        _remove(Path(entry.path))
                        os.close(lock)


def _remove(folder: Path) -> None:
    with suppress(OSError, ValueError):  # ValueError: a record that a crash of the system has spoiled
        undo.take_back(folder)
    shutil.rmtree(folder, ignore_errors=True)
