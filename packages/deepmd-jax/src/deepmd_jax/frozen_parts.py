# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a frozen file is made of: named parts that it computes with, the document among them, and the record of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from deepmd.contract import document_from_bytes
from deepmd.errors import ModelFileError
from deepmd_dp.kit.metadata import read_metadata
from deepmd_dp.kit.operators import LIST

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd.aliases import Document

DOCUMENT, METADATA = "deepmd_document.safetensors", "metadata.json"
OPERATORS = Path(__file__).with_name(LIST)
Parts = dict[str, bytes]


class Checked(NamedTuple):
    """The document of a frozen file, and the other parts that it computes with."""

    document: Document
    parts: Parts


def read_checked(names: list[str], read: Callable[[str], bytes], path: str) -> Checked:
    """What a file is made of, which is what was written: else ModelFileError."""
    if METADATA not in names or DOCUMENT not in names:
        raise ModelFileError(f"{path} was not frozen by deepmd-jax: there is no {METADATA} in it.")
    parts = {name: read(name) for name in names if name != METADATA}
    record = read_metadata(read(METADATA), parts.items(), path)
    return Checked(document_from_bytes(parts.pop(DOCUMENT), path, record["digest"]), parts)
