# SPDX-License-Identifier: LGPL-3.0-or-later
"""Files of other programs: what they are, and how they become data."""

from __future__ import annotations

from fnmatch import fnmatch
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from deepmd.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

DPDATA = (
    "convert it with dpdata (`pip install dpdata`): dpdata.{kind}({name!r}, fmt={format!r}).to('deepmd/npy', 'data')"
)
ASE = "convert it with ASE (`pip install ase`): `ase convert {name} data.extxyz`, and give data.extxyz"
ARRAYS = (
    "write its arrays as data/set.000/coord.npy, box.npy, energy.npy and force.npy beside data/type.raw and "
    "data/type_map.raw"
)
LOAD = "read it with dpdata: dpdata.LabeledSystem.load({name!r}).to('deepmd/npy', 'data')"
START = 4096
"""Bytes in which a file is looked at."""
MOST = 2000
"""Files of a folder that are looked at."""


class Foreign(NamedTuple):
    """A kind of files of another program.

    Attributes
    ----------
    what : str
        For people.
    patterns : tuple of str
        Of names, in small letters.
    marks : tuple of bytes
        Of what stands in the beginning of such a file.
    way : str
        How to convert it; ``{name}`` is the file.
    format : str
        Its name in dpdata.
    has_labels : bool
        Whether there are energies in it.
    """

    what: str
    patterns: tuple[str, ...]
    marks: tuple[bytes, ...]
    way: str = DPDATA
    format: str = ""
    has_labels: bool = True


KINDS = (
    Foreign("an output of VASP", ("outcar*", "*.outcar"), (b" vasp.",), format="vasp/outcar"),
    Foreign("an output of VASP", ("vasprun*.xml*",), (b'name="program" type="string">vasp',), format="vasp/xml"),
    Foreign("a trajectory of ASE", ("*.traj",), (b"- of Ulm",), ASE),
    Foreign("a database of ASE", ("*.db",), (b"SQLite format 3",), ASE),
    Foreign("an output of CP2K", (), (b"CP2K|", b"DBCSR|"), format="cp2k/output"),
    Foreign("an output of Quantum ESPRESSO", (), (b"Program PWSCF", b"Program CP "), ASE),
    Foreign("an output of Gaussian", (), (b"Entering Gaussian System",), format="gaussian/log"),
    Foreign("an output of ORCA", (), (b"* O   R   C   A *",), format="orca/spout"),
    Foreign("an output of ABACUS", ("running_scf.log", "running_md.log"), (b"WELCOME TO ABACUS", b"ABACUS v"), ASE),
    Foreign("an output of FHI-aims", (), (b"Invoking FHI-aims",), format="fhi_aims/output"),
    Foreign("a system saved by dpdata", (), (b'"dpdata.system"',), LOAD),
    Foreign("an archive of NumPy arrays", ("*.npz", "*.npy"), (b"\x93NUMPY",), ARRAYS),
    Foreign("a pickle", ("*.pkl", "*.pickle"), (), ARRAYS),
    Foreign("an HDF5 file of another program, without type.raw", ("*.h5", "*.hdf5"), (b"\x89HDF\r\n",), ARRAYS),
    Foreign("extended XYZ", ("*.extxyz", "*.xyz"), (), "give the file itself instead of its folder"),
    Foreign("an LMDB database", ("data.mdb",), (), "give the folder that holds data.mdb"),
    Foreign("a dump of LAMMPS", ("*.lammpstrj",), (b"ITEM: TIMESTEP",), ASE, has_labels=False),
    Foreign("a data file of LAMMPS", ("*.lmp",), (b"LAMMPS data file",), DPDATA, "lammps/lmp", has_labels=False),
    Foreign("a structure of VASP", ("poscar*", "contcar*", "*.poscar", "*.vasp"), (), ASE, has_labels=False),
    Foreign("a crystal structure", ("*.cif",), (b"_cell_length_a",), ASE, has_labels=False),
    Foreign("a structure of molecules", ("*.pdb", "*.gro", "*.mol", "*.sdf"), (), ASE, has_labels=False),
)


def refuse_file(path: str) -> None:
    """Raises DataError for a file that is no data, with the way to convert it where its kind is known.

    Raises
    ------
    DataError
        Always.
    """
    kind = kind_of(Path(path))
    if kind is None:
        raise DataError(
            f"{path} is no data system: expected a folder with type.raw, an HDF5 or extxyz file or an LMDB database; "
            "dpdata (`pip install dpdata`) converts the results of many programs."
        )
    raise DataError(f"{path} is {kind.what}, which is not read: {describe_way(kind, path)}.")


def foreign_in(folder: Path) -> str:
    """What there is of other programs in a folder without data, as the end of a sentence; empty where nothing is."""
    files = [path for path in islice(folder.rglob("*"), MOST) if path.is_file()]
    kinds = [(kind, path) for path in sorted(files) if (kind := kind_of(path)) is not None]
    if not kinds:
        return ""
    kind, path = max(kinds, key=lambda pair: pair[0].has_labels)
    return f" It holds {kind.what}, {path}: {describe_way(kind, str(path))}."


def describe_way(kind: Foreign, path: str) -> str:
    """How to convert a file."""
    words = kind.way.format(name=path, format=kind.format, kind="LabeledSystem" if kind.has_labels else "System")
    return words if kind.has_labels else f"it has no energies or forces to learn; for inference {words}"


def kind_of(path: Path) -> Foreign | None:
    """Which kind a file is of, by its beginning, else by its name."""
    start = _start(path)
    return _first(kind for kind in KINDS if any(mark in start for mark in kind.marks)) or _first(
        kind for kind in KINDS if any(fnmatch(path.name.lower(), pattern) for pattern in kind.patterns)
    )


def _first(kinds: Iterable[Foreign]) -> Foreign | None:
    return next(iter(kinds), None)


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(START)
    except OSError:
        return b""
