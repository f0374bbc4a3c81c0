# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.common`: reading inputs and finding systems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.data import find_systems
from deepmd.errors import DataError
from deepmd.schema import load_input as j_loader

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["expand_sys_str", "j_loader"]


def expand_sys_str(root_dir: str | Path) -> list[str]:
    """`deepmd.data.find_systems` in one folder or HDF5 file; an empty list where there is none."""
    try:
        return find_systems(str(root_dir))
    except DataError:
        return []
