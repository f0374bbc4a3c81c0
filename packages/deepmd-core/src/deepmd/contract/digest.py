# SPDX-License-Identifier: LGPL-3.0-or-later
"""The digest of a file in the file itself: CRC-32 of all its bytes, with zeros where the digest stands.

It stands behind a mark, wherever a kind of file has room for it near its beginning or its end, so that it is checked
before anything is parsed. It finds damage, not forgery, for which no digest in a file would do; and checkpoints are
saved often: CRC-32 takes less than half of SHA-256's time, and finds any flipped bit. Frozen files have a digest of
their own in their record.
"""

from __future__ import annotations

import os
import zlib
from mmap import ACCESS_READ, mmap
from typing import TYPE_CHECKING

from deepmd.errors import ModelFileError

if TYPE_CHECKING:
    from pathlib import Path

KEY = "digest"
"""In a document that was read: the digest that was checked, or None. It is not written with the document."""
_MARK, _ZEROS = b"deepmd-crc32:", b"0" * 8
BLANK = (_MARK + _ZEROS).decode()
"""What is to stand once in a content that is sealed."""
_NEAR = 1 << 20
"""So near to the beginning or the end it stands [bytes]: searching all of a file takes as long as hashing it."""


def seal(path: str | Path, *beside: bytes) -> None:
    """Puts the digest of a file in the place of its `BLANK`; it is that of the contents beside it too."""
    # mapped, since what was just written is in memory already
    with open(path, "r+b") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        start = _start(content)
        os.pwrite(file.fileno(), _digest_of(content, start, beside), start)


def sealed(content: bytes) -> bytes:
    """The same of a content in memory."""
    start = _start(content)
    return b"".join((content[:start], _digest_of(content, start, ()), content[start + len(_ZEROS) :]))


def check_file(path: str | Path) -> str | None:
    """`check_digest` of a file."""
    if not os.path.getsize(path):
        return None
    with open(path, "rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        return check_digest(content, str(path))


def check_digest(content: bytes | mmap, source: str, *beside: bytes) -> str | None:
    """The digest of a content, checked; None: it has none, as another program's, and nobody can verify it.

    Raises
    ------
    ModelFileError
        The content is not what was written; ``source`` names it in the message.
    """
    start = _start(content)
    if start < len(_MARK):
        return None
    digest = _digest_of(content, start, beside)
    if content[start : start + len(_ZEROS)] != digest:
        raise ModelFileError(f"{source} is damaged: its contents are not what was written; get the file again.")
    return digest.decode()


def _start(content: bytes | mmap) -> int:
    """Where the digest starts, behind its mark; less than the mark's length: there is none."""
    start = content.find(_MARK, 0, _NEAR)
    if start < 0:
        start = content.rfind(_MARK, max(0, len(content) - _NEAR))
    return start + len(_MARK)


def _digest_of(content: bytes | mmap, start: int, beside: tuple[bytes, ...]) -> bytes:
    """That of a content in which a digest starts there, in 8 hexadecimal digits."""
    with memoryview(content) as view:
        digest = zlib.crc32(view[start + len(_ZEROS) :], zlib.crc32(_ZEROS, zlib.crc32(view[:start])))
    for each in beside:
        digest = zlib.crc32(each, zlib.crc32(len(each).to_bytes(8, "little"), digest))
    return f"{digest:08x}".encode()
