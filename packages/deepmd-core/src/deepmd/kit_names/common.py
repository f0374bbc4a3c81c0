# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.common`: reading inputs, finding systems and atoms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.data import find_systems
from deepmd.errors import DataError, InputError
from deepmd.schema import load_input as j_loader

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike

__all__ = ["expand_sys_str", "j_loader", "j_must_have", "rglob_sys_str", "select_idx_map"]


def expand_sys_str(root_dir: str | Path) -> list[str]:
    """`deepmd.data.find_systems` in one folder or HDF5 file; an empty list where there is none."""
    try:
        return find_systems(str(root_dir))
    except DataError:
        return []


def rglob_sys_str(root_dir: str | Path, patterns: list[str]) -> list[str]:
    """`deepmd.data.find_systems` with patterns; an empty list where there is none."""
    try:
        return find_systems(str(root_dir), patterns)
    except DataError:
        return []


def j_must_have(jdata: dict[str, Any], key: str, deprecated_key: list[str] | None = None) -> Any:
    """The value of a key of an input, or of one of its old names; InputError where there is none."""
    found = next((name for name in (key, *(deprecated_key or ())) if name in jdata), None)
    if found is None:
        raise InputError(f"{key} is missing; it must be given.")
    return jdata[found]


def select_idx_map(atom_types: ArrayLike, select_types: ArrayLike) -> np.ndarray:
    """Indices of the atoms of some types, those of the lowest type first."""
    types = np.asarray(atom_types)
    chosen = np.flatnonzero(np.isin(types, select_types))
    indices: np.ndarray = chosen[np.argsort(types[chosen], kind="stable")]
    return indices
