# SPDX-License-Identifier: LGPL-3.0-or-later
"""Finding the systems that the key ``systems`` names."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import h5py

from deepmd.data.extxyz import is_extxyz, open_extxyz
from deepmd.data.foreign import foreign_in, refuse_file
from deepmd.data.lmdb_group import is_lmdb, open_lmdb
from deepmd.data.source import open_hdf5
from deepmd.errors import DataError
from deepmd.files.near import near_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


log = logging.getLogger(__name__)

HDF5_ENDINGS = (".hdf5", ".h5")
"""Of files that are taken for HDF5, so that one is told to be damaged."""


def find_systems(systems: str | list[str], patterns: list[str] | None = None) -> list[str]:
    """Names of all systems in the paths given, each path's in alphabetical order.

    Parameters
    ----------
    systems : str or list of str
        Folders, searched recursively for ``type.raw``, through links too; HDF5 files, searched for groups with
        ``type.raw``, or ``file.hdf5#/group``; LMDB databases, whose frames of the same number of atoms are a system
        each, or ``database.lmdb#SYSTEM/NATOMS``; extxyz files, or ``file.extxyz#NATOMS/periodic``.
    patterns : list of str, optional
        Take only the folders below a path that match one of these patterns (``rglob_patterns``).

    Raises
    ------
    DataError
        If a path does not exist or holds no system; files of other programs are named with the way to convert them.
    """
    roots = [systems] if isinstance(systems, str) else list(systems)
    if not roots:
        raise DataError("`systems` is an empty list; give at least one folder or HDF5 file.")
    return [name for root in roots for name in _systems_in(str(root), patterns)]


def _systems_in(root: str, patterns: list[str] | None) -> list[str]:
    path, _, group = root.partition("#")
    if Path(path).is_file():
        found = _systems_of_file(path, group)
    elif is_lmdb(path):
        found = [root] if group else [f"{path}#{name}" for name in open_lmdb(path).groups]
    elif Path(root).is_dir():
        found = sorted(str(folder) for folder in _folders(Path(root), patterns))
    else:
        hints = f"{near_path(path)}.{_shell_hint(root)}"
        raise DataError(f"there is no system {root} (relative to {Path.cwd()}){hints}")
    if not found:
        _refuse_set(Path(root))
        wanted = f" matching {', '.join(patterns)}" if patterns else ""
        hint = "" if patterns or not Path(root).is_dir() else foreign_in(Path(root))
        raise DataError(f"no system found in {root}: expected a folder or HDF5 group{wanted} with type.raw.{hint}")
    return found


def _shell_hint(root: str) -> str:
    """What to write for what only a shell understands."""
    if root.startswith("~"):
        return " `~` is not expanded here: write the path out."
    wildcard = next((char for char in "*?[" if char in root), None)
    if wildcard is None:
        return ""
    return f" `{wildcard}` is no wildcard here: give a folder, which is searched, and `rglob_patterns`."


def _refuse_set(folder: Path) -> None:
    """Raises DataError for a folder of frames in a system."""
    if folder.name.startswith("set.") and (folder.parent / "type.raw").is_file():
        raise DataError(f"{folder} is a set of frames; give the folder above, {folder.parent}, which is the system.")


def _systems_of_file(path: str, group: str) -> list[str]:
    if is_extxyz(path):
        return [f"{path}#{group}"] if group else [f"{path}#{name}" for name in open_extxyz(path)]
    if not path.endswith(HDF5_ENDINGS) and not h5py.is_hdf5(path):
        refuse_file(path)
    found = sorted(_groups(path, group))
    if not found and not group:
        refuse_file(path)
    return found


def _folders(root: Path, patterns: list[str] | None) -> set[Path]:
    """Folders with ``type.raw`` below a folder, and below the links that are met there."""
    candidates: Iterable[Path] = _walk(root)
    if patterns:
        # rglob goes into no link
        starts = [root, *(folder for folder in candidates if folder.is_symlink())]
        candidates = (folder for start in starts for pattern in patterns for folder in start.rglob(pattern))
    return {folder for folder in candidates if (folder / "type.raw").is_file()}


def _walk(folder: Path, above: tuple[tuple[int, int], ...] = ()) -> Iterator[Path]:
    """A folder and all below it; a link to a folder that it lies in is not followed."""
    status = os.stat(folder)
    this = status.st_dev, status.st_ino
    if this in above:
        return
    yield folder
    try:
        with os.scandir(folder) as entries:
            inner = [entry.name for entry in entries if entry.is_dir()]
    except PermissionError:
        log.warning("%s may not be read and is passed over.", folder)
        return
    for name in inner:
        yield from _walk(folder / name, (*above, this))


def _groups(path: str, group: str) -> Iterator[str]:
    """Names ``path#/group`` of the groups at or below ``group`` that hold ``type.raw``."""
    file = open_hdf5(path)
    start = f"/{group.strip('/')}"
    if start not in file:
        raise DataError(f"{path}: there is no group {start} in this file.")
    if "type.raw" in file[start]:
        yield f"{path}#{start}"
    found: list[str] = []
    file[start].visititems(lambda name, item: found.append(name) if _is_system(item) else None)
    yield from (f"{path}#{start.rstrip('/')}/{name}" for name in found)


def _is_system(item: h5py.Group | h5py.Dataset) -> bool:
    return isinstance(item, h5py.Group) and "type.raw" in item
