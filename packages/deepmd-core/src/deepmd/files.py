# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deepmd.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A name in a temporary folder beside `path`, which takes the place of `path` when the block ends well.

    The temporary name has the same last part, since writers choose the format by its ending. What else the block
    writes beside it, such as the second file of a model, is put in place too, before the named file; any of them
    may be a folder. Where the block raises, all is removed and what was there before is left as it was.

    Raises
    ------
    InputError
        There is no name, or the folder does not exist, or nothing can be written there.
    """
    path = Path(path)
    if not path.name:
        raise InputError(f"{str(path)!r} is no name of a file to write.")
    if not path.parent.is_dir():
        raise InputError(f"{path} cannot be written: there is no folder {path.parent}; make it first.")
    folder = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        folder.mkdir()
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror} in the folder {path.parent}.") from error
    try:
        yield folder / path.name
        for written in sorted(folder.iterdir(), key=lambda each: each.name == path.name):
            _move(written, path.with_name(written.name), folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move(source: Path, target: Path, attic: Path) -> None:
    """Renames a file or folder over what is there; a folder can't be replaced, so that an old one goes to the attic."""
    if target.is_dir() and not target.is_symlink():
        target.rename(attic / f"{target.name}.old")
    os.replace(source, target)
