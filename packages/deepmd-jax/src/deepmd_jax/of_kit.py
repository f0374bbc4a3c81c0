# SPDX-License-Identifier: LGPL-3.0-or-later
"""A `.hlo` of deepmd-kit: its model lies in it as in a `.dp`, beside a graph that takes other inputs than ours."""

from __future__ import annotations

from pathlib import Path

from deepmd.contract import dp_file
from deepmd.contract.document import check_document

_HDF5 = b"\x89HDF\r\n\x1a\n"


def is_of_kit(path: str) -> bool:
    """Whether a file is HDF5, as deepmd-kit writes it; ours is an archive."""
    file = Path(path)
    if not file.is_file():
        return False
    with file.open("rb") as content:
        return content.read(len(_HDF5)) == _HDF5


def read_document(path: str) -> dict:
    """The model in it, which is evaluated as that of a checkpoint is."""
    return check_document(dp_file.read(Path(path)), path)
