# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a frozen file is made of: named parts that it computes with, the document among them, and the record of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deepmd.errors import ModelFileError
from deepmd_dp.kit.metadata import read_metadata
from deepmd_dp.kit.operators import LIST

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENT, METADATA = "deepmd_document.safetensors", "metadata.json"
OPERATORS = Path(__file__).with_name(LIST)
Parts = dict[str, bytes]


def read_checked(names: list[str], read: Callable[[str], bytes], path: str) -> Parts:
    """The parts of a file, which are those that were written: else ModelFileError."""
    if METADATA not in names or DOCUMENT not in names:
        raise ModelFileError(f"{path} was not frozen by deepmd-jax: there is no {METADATA} in it.")
    parts = {name: read(name) for name in names if name != METADATA}
    read_metadata(read(METADATA), parts.items(), path)
    return parts
