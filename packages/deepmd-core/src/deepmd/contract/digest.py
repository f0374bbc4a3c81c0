# SPDX-License-Identifier: LGPL-3.0-or-later
"""The digest of a file in the file itself: SHA-256 of all its bytes, with zeros where the digest stands.

It stands behind a mark, wherever a kind of file has room for it, so that it is checked before anything is parsed. It
finds damage, not forgery: who changes a file on purpose can change its digest too. Frozen files have a digest in their
record beside it, for readers in other languages.
"""

from __future__ import annotations

import hashlib
import re

from deepmd.errors import ModelFileError

KEY = "digest"
"""In a document that was read: the digest that was checked, or None. It is not written with the document."""
_MARK, _ZEROS = "deepmd-sha256:", "0" * 64
BLANK = f"{_MARK}{_ZEROS}"
"""What is to stand once in a content that is `sealed`."""
_HEAD = 1 << 20
_DIGEST = re.compile(_MARK.encode() + b"(.{64})", re.DOTALL)


def sealed(content: bytes, *beside: bytes) -> bytes:
    """A content with its digest in the place of `BLANK`; it is that of the files beside it too."""
    blank = BLANK.encode()
    # most kinds have it near their beginning or at their end, and searching takes longer than hashing
    start = content.find(blank, 0, _HEAD)
    end = (start if start >= 0 else content.rfind(blank)) + len(blank)
    digest = _digest_of(content, beside).encode()
    return b"".join((memoryview(content)[: end - len(digest)], digest, memoryview(content)[end:]))


def check_digest(content: bytes, source: str, *beside: bytes) -> str | None:
    """The digest of a content, checked; None: it has none, as another program's, and nobody can verify it.

    Raises
    ------
    ModelFileError
        The content is not what was written; ``source`` names it in the message.
    """
    found = _DIGEST.search(content)
    if found is None:
        return None
    digest = _digest_of(content[: found.start(1)] + _ZEROS.encode() + content[found.end(1) :], beside)
    if found[1] != digest.encode():
        raise ModelFileError(f"{source} is damaged: its contents are not what was written; get the file again.")
    return digest


def _digest_of(content: bytes, beside: tuple[bytes, ...]) -> str:
    digest = hashlib.sha256(content)
    for each in beside:
        digest.update(len(each).to_bytes(8, "little"))
        digest.update(each)
    return digest.hexdigest()
