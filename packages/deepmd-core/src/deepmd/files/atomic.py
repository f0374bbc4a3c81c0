# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writing files so that a reader never sees half of one, whatever ends the writing: an error, a kill, a power cut."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deepmd.errors import DeepmdError, InputError
from deepmd.files import undo
from deepmd.files.disk import sync, sync_folder
from deepmd.files.unfinished import Unfinished, remove_leftovers_once

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of a disk that takes no more."""
LEAST_FREE = 65536
"""With less room [bytes] a disk is full."""
MARK = ".written-by-deepmd"
"""Empty file in each folder that was written here: no other folder is ever replaced."""


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A name in a temporary folder beside `path`, which takes the place of `path` when the block ends well.

    The temporary name has the same last part, since writers choose the format by its ending. What else the block
    writes beside it, such as the second file of a model, is put in place too, before the named file; any of them
    may be a folder. Where there is a link, the file that it leads to is written, unless the block makes a link itself.
    Where the block raises, all is removed and what was there before is left as it was. A process that is killed leaves
    a hidden folder; the next writer in the place removes it, and takes back what had been replaced in part.

    All is on the disk before it takes its name, and the name before this returns.

    Raises
    ------
    InputError
        There is no name, or it is a folder's that was not written here, or the folder for it does not exist, or nothing
        can be written there, or no more.
    """
    path = Path(path)
    target = check_target(path)
    is_part = target.parent in Unfinished.folders()  # of a file that is put in place later
    if not is_part:
        remove_leftovers_once(target.parent)
    try:
        folder = Unfinished(target.parent)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror} in the folder {target.parent}.") from error
    try:
        yield folder.path / path.name
        _put_in_place(folder.path, path, lasting=not is_part)
    except Exception as error:
        reason = _why_not_written(error, folder.path)
        if reason is None:
            raise
        raise InputError(f"{path} cannot be written: {reason}.") from error
    finally:
        folder.remove()


def check_target(path: Path) -> Path:
    """Where a file is to be written, all links followed.

    Raises
    ------
    InputError
        Nothing can be written there, or a folder is there that was not written here.
    """
    if not path.name:
        raise InputError(f"{str(path)!r} is no name of a file to write.")
    try:
        target = Path(os.path.realpath(path))
        if not target.parent.is_dir():
            if target.parent.exists():
                raise InputError(f"{path} cannot be written: {target.parent} is no folder.")
            raise InputError(f"{path} cannot be written: there is no folder {target.parent}; make it first.")
        if target.is_dir() and not (target / MARK).is_file():
            raise InputError(f"{path} is a folder; give the name of a file.")
    except (OSError, ValueError) as error:  # a name too long, no permission, a null byte
        raise InputError(f"{path} cannot be written: {getattr(error, 'strerror', error)}.") from error
    return target


def _put_in_place(folder: Path, path: Path, lasting: bool) -> None:
    """Moves what is in the folder to beside `path`, that of its name last; `lasting`: on the disk."""
    moves = []
    for written in sorted(folder.iterdir(), key=lambda each: each.name == path.name):
        target = path.with_name(written.name)
        if not written.is_symlink():
            target = check_target(target)
        if target.exists() and not (target.is_dir() or target.is_file()):
            raise InputError(f"{target} is no file; give another name.")
        if target.is_dir() and not written.is_dir():
            raise InputError(f"{target} is a folder; give the name of a file.")
        if written.is_dir() and not written.is_symlink():
            (written / MARK).touch()
        moves.append((written, target))
    if lasting:
        sync(folder)
    try:
        undo.replace_all(moves, folder)
    except OSError as error:
        raise InputError(f"{error.filename2 or path} cannot be written: {error.strerror}.") from error
    if lasting:
        for parent in {target.parent for _, target in moves}:
            sync_folder(parent)


def read_text(path: str | Path, error_class: type[DeepmdError] = InputError) -> str:
    """The text of a file, without the mark of its encoding that some editors put before it.

    Raises
    ------
    DeepmdError
        Of the class given: it cannot be read, or is not UTF-8, as after a crash of the system.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise error_class(f"{path} cannot be read: {reason_of(error)}.") from error


def reason_of(error: OSError | ValueError) -> str:
    """What is wrong with a file, in a few words."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is not text in UTF-8 (byte {error.start}); it is damaged or another kind of file"
    return " ".join(str(getattr(error, "strerror", None) or error).split()).rstrip(".") or type(error).__name__


def describe_failure(error: OSError | UnicodeDecodeError) -> str:
    """A line about what the system refused: the file and the cause, as far as they are known."""
    reason = why_no_room(error)
    if reason is not None:
        return f"{reason}: free some of the disk that this command writes to."
    name = getattr(error, "filename", None)
    return f"{name}: {reason_of(error)}." if name else f"{reason_of(error)}."


def _why_not_written(error: Exception, folder: Path) -> str | None:
    """The system's reason where it lets nothing be written in a folder; None: it is another error."""
    reason = why_no_room(error)
    if reason is not None or isinstance(error, DeepmdError):
        return reason
    if isinstance(error, OSError) and error.strerror and str(error.filename).startswith(str(folder)):
        return error.strerror
    if not folder.is_dir():
        return "its folder was removed"
    # what some libraries raise does not say so
    return os.strerror(errno.ENOSPC) if shutil.disk_usage(folder).free < LEAST_FREE else None


def why_no_room(error: BaseException | None) -> str | None:
    """Why the disk takes no more, where that is behind an error; many libraries have words of their own for it."""
    if error is None:
        return None
    for number in NO_ROOM:
        if getattr(error, "errno", None) == number or os.strerror(number) in str(error):
            return os.strerror(number)
    return why_no_room(error.__cause__ or error.__context__)
