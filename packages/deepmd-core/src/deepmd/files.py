# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deepmd.errors import DeepmdError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of a disk that takes no more."""
LEAST_FREE = 65536
"""With less room [bytes] a disk is full."""
_unfinished: set[Path] = set()
"""Folders of files that are being written."""


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A name in a temporary folder beside `path`, which takes the place of `path` when the block ends well.

    The temporary name has the same last part, since writers choose the format by its ending. What else the block
    writes beside it, such as the second file of a model, is put in place too, before the named file; any of them
    may be a folder. Where there is a link, the file that it leads to is written, unless the block makes a link itself.
    Where the block raises, all is removed and what was there before is left as it was.

    Raises
    ------
    InputError
        There is no name, or the folder does not exist, or nothing can be written there, or no more.
    """
    path = Path(path)
    if not path.name:
        raise InputError(f"{str(path)!r} is no name of a file to write.")
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise InputError(f"{path} cannot be written: there is no folder {target.parent}; make it first.")
    folder = target.with_name(f".{os.getpid()}.{path.name}")
    _unfinished.add(folder)
    try:
        folder.mkdir()
    except OSError as error:
        _unfinished.discard(folder)
        raise InputError(f"{path} cannot be written: {error.strerror} in the folder {target.parent}.") from error
    try:
        yield folder / path.name
        _put_in_place(folder, path)
    except Exception as error:
        reason = why_no_room(error)
        if reason is None and not isinstance(error, DeepmdError) and shutil.disk_usage(folder).free < LEAST_FREE:
            # what some libraries raise does not say so
            reason = os.strerror(errno.ENOSPC)
        if reason is None:
            raise
        raise InputError(f"{path} cannot be written: {reason}.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _unfinished.discard(folder)


def remove_unfinished() -> None:
    """Removes what `atomic_path` has not put in place, before this process ends; not what a parent process writes."""
    for folder in tuple(_unfinished):
        if folder.name.startswith(f".{os.getpid()}."):
            shutil.rmtree(folder, ignore_errors=True)


def _put_in_place(folder: Path, path: Path) -> None:
    """Moves what is in the folder to beside `path`, that of its name last."""
    moves = []
    for written in sorted(folder.iterdir(), key=lambda each: each.name == path.name):
        target = path.with_name(written.name)
        if not written.is_symlink():
            target = Path(os.path.realpath(target))
        if target.exists() and not (target.is_dir() if written.is_dir() else target.is_file()):
            raise InputError(f"{target} is {'a folder' if target.is_dir() else 'no file'}; give another name.")
        moves.append((written, target))
    for written, target in moves:
        try:
            _move(written, target, folder)
        except OSError as error:
            raise InputError(f"{target} cannot be written: {error.strerror}.") from error


def _move(source: Path, target: Path, attic: Path) -> None:
    """Renames a file or folder over what is there; a folder can't be replaced, so that an old one goes to the attic."""
    if target.is_dir() and not target.is_symlink():
        target.rename(attic / f"{target.name}.old")
    os.replace(source, target)


def why_no_room(error: BaseException | None) -> str | None:
    """Why the disk takes no more, where that is behind an error; many libraries have words of their own for it."""
    if error is None:
        return None
    for number in NO_ROOM:
        if getattr(error, "errno", None) == number or os.strerror(number) in str(error):
            return os.strerror(number)
    return why_no_room(error.__cause__ or error.__context__)
