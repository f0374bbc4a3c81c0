# SPDX-License-Identifier: LGPL-3.0-or-later
"""Which kind of source a system's name stands for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deepmd.data.extxyz import ExtxyzGroup, is_extxyz
from deepmd.data.lmdb_group import LmdbGroup, is_lmdb
from deepmd.data.source import HDF5Group, NpyFolder, TextFolder, open_hdf5
from deepmd.errors import DataError

if TYPE_CHECKING:
    from deepmd.data.source import Source


def open_source(name: str) -> Source:
    """The source that reads the system of this name.

    Raises
    ------
    DataError
        Where nothing is there.
    """
    path, _, group = name.partition("#")
    if Path(path).is_file():
        if is_extxyz(path):
            return ExtxyzGroup(name)
        if group.strip("/") and group not in open_hdf5(path):
            raise DataError(f"{path}: there is no group {group} in this file.")
        return HDF5Group(name)
    if is_lmdb(path):
        return LmdbGroup(name)
    if not Path(name).is_dir():
        raise DataError(f"system {name}: no such folder, HDF5 or extxyz file or LMDB database.")
    folder = NpyFolder(name)
    return folder if folder.sets() else TextFolder(name)
