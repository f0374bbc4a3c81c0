# SPDX-License-Identifier: LGPL-3.0-or-later
"""The edge where files of strangers come in: what goes wrong is one line with the file's name, and no file unfolds."""

from __future__ import annotations

import os
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deepmd.errors import DeepmdError, InputError, ModelFileError, first_line
from deepmd.files.atomic import reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

ALWAYS_FITS = 64 * 2**20
"""Any file may take so much memory [bytes]."""
MOST_UNFOLDED = 20
"""So many times its size a compressed file may take; numbers are compressed to a half or a tenth."""


@contextmanager
def reading(path: str | Path, error_class: type[DeepmdError] = ModelFileError) -> Iterator[None]:
    """Within it a file is read: whatever its content makes a reader stumble over is one line that names the file.

    Readers say themselves what they expected where they check something; this is for all else that bytes may hold. The
    error behind stays its cause, which the flag ``-v DEBUG`` shows: a mistake of ours looks the same.

    Raises
    ------
    DeepmdError
        Of the class given, or one of the reader's own with the file's name.
    """
    path = Path(path)
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise error_class(f"{path} is neither a file nor a folder.")
    if error_class is ModelFileError and path.is_file() and path.stat().st_size == 0:
        raise error_class(f"{path} is empty, as a full disk or a broken copy leaves it; get the file again.")
    try:
        yield
    except (error_class, InputError) as error:
        if path.name in str(error):
            raise
        raise type(error)(f"{path}: {error}") from error
    except DeepmdError:
        raise
    except OSError as error:
        raise error_class(f"{error.filename or path} cannot be read: {reason_of(error)}.") from error
    except ImportError as error:  # the file is not to blame
        reason = first_line(error).rstrip(".")
        raise error_class(f"{path} cannot be read: {reason}; install the package that is missing or broken.") from error
    except MemoryError as error:
        raise error_class(f"{path} asks for more memory than there is; it is damaged or too large.") from error
    except Exception as error:  # a framework raises what it likes on bytes that it does not know
        reason = f"{type(error).__name__}: {first_line(error)}"[:200].rstrip(".")
        raise error_class(
            f"{path} cannot be read ({reason}); it is damaged or was written by another program."
        ) from error


def check_unfolded(unfolded: int, size: int, source: str) -> None:
    """Raises where a file's parts say that they take far more memory than the file has bytes, before any is taken.

    Parameters
    ----------
    unfolded : int
        What its parts take in memory, as it says [bytes].
    size : int
        The file's own [bytes].
    source : str
        The file, for the message.

    Raises
    ------
    ModelFileError
    """
    if unfolded > max(ALWAYS_FITS, MOST_UNFOLDED * size):
        raise ModelFileError(
            f"{source} has {size} bytes and would unfold to {unfolded}; no model does that, it is damaged or malicious."
        )


@contextmanager
def open_archive(file: str | Path | BinaryIO, source: str) -> Iterator[zipfile.ZipFile]:
    """A zip archive whose members, as they say, fit into memory.

    Raises
    ------
    ModelFileError
        It is none, or damaged, or would unfold, also where that shows when it is read in the block.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            size = os.path.getsize(file) if isinstance(file, str | Path) else _length(file)
            check_unfolded(sum(member.file_size for member in archive.infolist()), size, source)
            yield archive
    except (zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error, RuntimeError) as error:
        # the last three: methods that it does not know, compressed bytes that are none, passwords
        raise ModelFileError(
            f"{source} cannot be read as an archive ({first_line(error)}); it is damaged or of another program."
        ) from error


def _length(file: BinaryIO) -> int:
    position = file.tell()
    length = file.seek(0, os.SEEK_END)
    file.seek(position)
    return length
