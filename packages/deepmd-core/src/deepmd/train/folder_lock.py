# SPDX-License-Identifier: LGPL-3.0-or-later
"""One training at a time in a folder: two would remove each other's checkpoints and share one learning curve."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deepmd.errors import TrainingError
from deepmd.files.locks import lock_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@contextmanager
def only_training_in(folders: Iterable[Path]) -> Iterator[None]:
    """Makes the folders and locks them during the block; the system opens the locks of a process that ends.

    Raises
    ------
    TrainingError
        Another training is running in one of them.
    """
    locks: list[int | None] = []
    try:
        for folder in {Path(os.path.realpath(folder)) for folder in folders}:
            folder.mkdir(parents=True, exist_ok=True)
            locks.append(_lock(folder))
        yield
    finally:
        for lock in locks:
            if lock is not None:
                os.close(lock)


def _lock(folder: Path) -> int | None:
    try:
        return lock_folder(folder)
    except BlockingIOError as error:
        raise TrainingError(
            f"another training is running in {folder}; wait for its end, or run this one in a folder of its own."
        ) from error
