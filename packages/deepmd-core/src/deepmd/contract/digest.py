# SPDX-License-Identifier: LGPL-3.0-or-later
"""The digest of a file in the file itself: CRC-32 of all its bytes, with zeros where the digest stands.

It stands behind a mark, wherever a kind of file has room for it near its beginning or its end, so that it is checked
before anything is parsed. It finds damage, not forgery, for which no digest in a file would do; and checkpoints are
saved often: CRC-32 takes less than half of SHA-256's time, and finds any flipped bit. Frozen files have a digest of
their own in their record.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from functools import lru_cache
from mmap import ACCESS_READ, mmap
from typing import TYPE_CHECKING

from deepmd.errors import ModelFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

KEY = "digest"
"""In a document that was read: the digest that was checked, or None. It is not written with the document."""
_MARK, _ZEROS = b"deepmd-crc32:", b"0" * 8
BLANK = (_MARK + _ZEROS).decode()
"""What is to stand once in a content that is sealed."""
_NEAR = 1 << 20
"""So near to the beginning or the end it stands [bytes]: searching all of a file takes as long as hashing it."""
_POLYNOMIAL = 0xEDB88320
"""CRC-32's, the coefficient of x^31 in the lowest bit; its x^32 is left out."""
_ONE, _X8 = 1 << 31, 1 << 23
"""The polynomials 1 and x^8."""
_HEADER, _LARGE = 30, 1 << 16
"""Of a member of a zip archive: the size of what stands before its name; what takes longer to hash than to look up
[bytes]."""
Hashed = tuple[int, int, int]
"""Where a piece of a file starts, its length [bytes] and its CRC-32."""


def seal(path: str | Path, *beside: bytes, hashed: Iterable[Hashed] = ()) -> None:
    """Puts the digest of a file in the place of its `BLANK`.

    Parameters
    ----------
    path : str or Path
    beside : bytes
        Contents of other files, which the digest is of too.
    hashed : iterable of Hashed
        Pieces whose CRC-32 the writer knows, which are not hashed again: sorted, apart, all before the `BLANK`.
    """
    # mapped, since what was just written is in memory already
    with open(path, "r+b") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        start = _start(content)
        os.pwrite(file.fileno(), _digest_of(content, start, beside, hashed), start)


def hashed_members(path: str | Path) -> Iterator[Hashed]:
    """The large members of a zip archive that are not compressed: it has their CRC-32."""
    with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
        for member in archive.infolist():
            if member.file_size >= _LARGE and member.compress_type == zipfile.ZIP_STORED:
                file.seek(member.header_offset)
                header = file.read(_HEADER)
                # the name and the padding by which the content is aligned: the directory at the end has another
                before = sum(int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
                yield member.header_offset + _HEADER + before, member.file_size, member.CRC


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


def _digest_of(content: bytes | mmap, start: int, beside: tuple[bytes, ...], hashed: Iterable[Hashed] = ()) -> bytes:
    """That of a content in which a digest starts there, in 8 hexadecimal digits."""
    digest = position = 0
    with memoryview(content) as view:
        for begin, length, piece in hashed:
            digest = _joined(zlib.crc32(view[position:begin], digest), piece, length)
            position = begin + length
        digest = zlib.crc32(view[start + len(_ZEROS) :], zlib.crc32(_ZEROS, zlib.crc32(view[position:start], digest)))
    for each in beside:
        digest = zlib.crc32(each, zlib.crc32(len(each).to_bytes(8, "little"), digest))
    return f"{digest:08x}".encode()


def _joined(first: int, second: int, length: int) -> int:
    """CRC-32 of two pieces, one behind the other, of their own; `length` [bytes]: the second's."""
    return _product(first, _power(length)) ^ second


@lru_cache
def _power(number: int) -> int:
    """x^(8 number), as `_product` has it."""
    power, square = _ONE, _X8
    while number:
        if number & 1:
            power = _product(power, square)
        square = _product(square, square)
        number >>= 1
    return power


def _product(first: int, second: int) -> int:
    """That of two polynomials over GF(2), modulo CRC-32's; the highest bit is the coefficient of 1."""
    product = 0
    while first:
        if first & _ONE:
            product ^= second
        first = first << 1 & 0xFFFFFFFF
        second = second >> 1 ^ (_POLYNOMIAL if second & 1 else 0)
    return product
