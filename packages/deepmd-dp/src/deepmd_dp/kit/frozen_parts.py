# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a frozen file is made of: named parts that it computes with, the document among them, and the record of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.contract import document_from_bytes
from deepmd.errors import ModelFileError
from deepmd_dp.kit.metadata import read_metadata

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd.aliases import Document

DOCUMENT, METADATA = "deepmd_document.safetensors", "metadata.json"
Parts = dict[str, bytes]


def read_checked(names: list[str], read: Callable[[str], bytes], path: str, distribution: str) -> Parts:
    """The parts of a file, which are those that were written.

    Raises
    ------
    ModelFileError
        The file is damaged, or of another program.
    """
    if METADATA not in names or DOCUMENT not in names:
        raise ModelFileError(f"{path} was not frozen by {distribution}: there is no {METADATA} in it.")
    parts = {name: read(name) for name in names if name != METADATA}
    read_metadata(read(METADATA), parts.items(), path)
    return parts


def document_of(parts: Parts, path: str) -> Document:
    """The contract's document among the parts."""
    return document_from_bytes(parts[DOCUMENT], path)
