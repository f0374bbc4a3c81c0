# SPDX-License-Identifier: LGPL-3.0-or-later
"""A model file through libdeepmd_cc, from Python: what C++ programs get, for tests and for scripts."""

from __future__ import annotations

import ctypes
import json
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_double, c_int, c_int32, c_int64, c_void_p
from functools import cache
from importlib.metadata import files
from pathlib import Path
from typing import Any

import numpy as np

ATOMIC_VALUES, ATOMIC_VIRIALS = 1, 2


class ModelError(RuntimeError):
    """A model could not be opened or computed; the text is one line that says why."""


class _Error(Structure):
    _fields_ = [("text", c_char * 2048)]


class _Options(Structure):
    _fields_ = [("nthreads", c_int32), ("device", c_int32)]


class _Array(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("dtype", c_int32),
        ("ndim", c_int32),
        ("shape", POINTER(c_int64)),
        ("data", c_void_p),
    ]


class _Frame(Structure):
    _fields_ = [
        ("natoms", c_int64),
        ("coord", c_void_p),
        ("type", c_void_p),
        ("cell", c_void_p),
        ("fparam", c_void_p),
        ("aparam", c_void_p),
    ]


class _Atoms(Structure):
    _fields_ = [
        ("nloc", c_int64),
        ("nall", c_int64),
        ("nowned", c_int64),
        ("coord", c_void_p),
        ("type", c_void_p),
        ("mapping", c_void_p),
        ("ncenter", c_int64),
        ("center", c_void_p),
        ("nneighbor", c_void_p),
        ("neighbor", c_void_p),
        ("index_mask", c_int32),
        ("empty_type", c_int32),
        ("fparam", c_void_p),
        ("aparam", c_void_p),
        ("id", c_void_p),
    ]


_Take = ctypes.CFUNCTYPE(None, c_void_p, POINTER(_Array))
_TakePlugin = ctypes.CFUNCTYPE(None, c_void_p, c_char_p, c_char_p)


def library_path() -> Path:
    """The file of libdeepmd_cc; in an editable installation it lies apart from the Python files."""
    beside = Path(__file__).parent / "lib" / "libdeepmd_cc.so"
    if beside.is_file():
        return beside
    return next(Path(str(f.locate())) for f in files("deepmd-cc") or () if f.name == "libdeepmd_cc.so")


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(library_path()))
    library.deepmd_open.restype = c_void_p
    library.deepmd_open.argtypes = [c_char_p, POINTER(_Options), POINTER(_Error)]
    for name in ("deepmd_record", "deepmd_backend_name"):
        getattr(library, name).restype = c_char_p
        getattr(library, name).argtypes = [c_void_p]
    for name, structure in (("deepmd_compute", _Atoms), ("deepmd_compute_frame", _Frame)):
        function = getattr(library, name)
        function.restype = c_int
        function.argtypes = [c_void_p, POINTER(structure), c_int32, _Take, c_void_p, POINTER(_Error)]
    library.deepmd_set_charge_spin.restype = c_int
    library.deepmd_set_charge_spin.argtypes = [c_void_p, c_int64, c_int64, POINTER(_Error)]
    library.deepmd_find_plugins.argtypes = [_TakePlugin, c_void_p]
    library.deepmd_find_plugins.restype = None
    library.deepmd_load_plugin.argtypes = [c_char_p, POINTER(_Error)]
    library.deepmd_close.argtypes = [c_void_p]
    library.deepmd_close.restype = None
    return library


class Model:
    """A model that is open in C++.

    Parameters
    ----------
    path : str
        File of any backend whose plug-in is installed.
    nthreads : int
        Threads of a computation; 0: one a core.
    device : int
        Number of the GPU; -1: the CPU.

    Attributes
    ----------
    record : dict
        What the file says of the model, see docs/files.md.
    backend : str
        What computes it.

    Raises
    ------
    ModelError
        The file, its plug-in or the framework is missing or does not fit.
    """

    def __init__(self, path: str, nthreads: int = 0, device: int = -1) -> None:
        error = _Error()
        self._handle = _library().deepmd_open(str(path).encode(), byref(_Options(nthreads, device)), byref(error))
        if not self._handle:
            raise ModelError(error.text.decode())
        self.record: dict[str, Any] = json.loads(_library().deepmd_record(self._handle))
        self.backend: str = _library().deepmd_backend_name(self._handle).decode()

    def set_charge_spin(self, charge: int, spin: int) -> None:
        """The total charge [e] and the spin of all frames from now on, instead of the model's default."""
        error = _Error()
        if _library().deepmd_set_charge_spin(self._opened(), charge, spin, byref(error)):
            raise ModelError(error.text.decode())

    def compute(
        self,
        coord: np.ndarray,
        cell: np.ndarray | None,
        types: np.ndarray,
        fparam: np.ndarray | None = None,
        aparam: np.ndarray | None = None,
        *,
        atomic: bool = False,
    ) -> dict[str, np.ndarray]:
        """All outputs of one frame by name, without the axis of the frames.

        coord (natoms, 3) [Å]; cell (3, 3) [Å] or None; types (natoms,); aparam (natoms, dim_aparam).
        """
        coord, types = _reals(coord), np.ascontiguousarray(types, dtype=np.int32)
        kept = coord, types, _reals(cell), _reals(fparam), _reals(aparam)
        self._check_shapes(coord, types, kept[2], kept[3], kept[4], len(types))
        return self._run(_library().deepmd_compute_frame, _Frame(len(types), *map(_address, kept)), atomic)

    def compute_atoms(
        self,
        coord: np.ndarray,
        types: np.ndarray,
        neighbors: list[np.ndarray],
        mapping: np.ndarray | None = None,
        *,
        empty_type: int = 0,
        nowned: int | None = None,
        fparam: np.ndarray | None = None,
        aparam: np.ndarray | None = None,
        atomic: bool = False,
    ) -> dict[str, np.ndarray]:
        """All outputs for atoms as an MD program has them: the local ones first, then their images.

        coord (nall, 3) [Å]; types (nall,); for each local atom its neighbors' indices; mapping (nall,).
        """
        nloc = len(neighbors)
        lists = [np.ascontiguousarray(row, dtype=np.int32) for row in neighbors]
        pointers = (c_void_p * nloc)(*[row.ctypes.data for row in lists])
        counts, centers = np.array([len(row) for row in lists], np.int32), np.arange(nloc, dtype=np.int32)
        coord, types = _reals(coord), np.ascontiguousarray(types, dtype=np.int32)
        places = None if mapping is None else np.ascontiguousarray(mapping, dtype=np.int64)
        fparam, aparam = _reals(fparam), _reals(aparam)
        self._check_shapes(coord, types, None, fparam, aparam, nloc)
        if places is not None and places.shape != types.shape:
            raise ModelError(f"mapping has the shape {places.shape}; expected {types.shape}.")
        atoms = _Atoms(
            *(nloc, len(types), nloc if nowned is None else nowned),
            *(_address(coord), _address(types), _address(places)),
            *(nloc, _address(centers), _address(counts), ctypes.addressof(pointers)),
            *(-1, empty_type, _address(fparam), _address(aparam)),
        )
        return self._run(_library().deepmd_compute, atoms, atomic)

    def close(self) -> None:
        """Frees the model; it can't be used after."""
        if self._handle:
            _library().deepmd_close(self._handle)
            self._handle = None

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()

    def _opened(self) -> int:
        if not self._handle:
            raise ModelError("the model has been closed.")
        return self._handle

    def _check_shapes(
        self,
        coord: np.ndarray,
        types: np.ndarray,
        cell: np.ndarray | None,
        fparam: np.ndarray | None,
        aparam: np.ndarray | None,
        nloc: int,
    ) -> None:
        """Raises ModelError where C would read beyond an array's end."""
        model = self.record["model"]
        sizes = {
            "types": (types, (len(types),)),
            "coord": (coord, (len(types), 3)),
            "cell": (cell, (3, 3)),
            "fparam": (fparam, (model["dim_fparam"],)),
            "aparam": (aparam, (nloc, model["dim_aparam"])),
        }
        for name, (array, shape) in sizes.items():
            if array is not None and array.shape != shape:
                raise ModelError(f"{name} has the shape {array.shape}; expected {shape}.")

    def _run(self, function: Any, argument: Structure, atomic: bool) -> dict[str, np.ndarray]:
        handle = self._opened()
        results: dict[str, np.ndarray] = {}

        def take(_: int, result: Any) -> None:
            array = result.contents
            shape = tuple(array.shape[: array.ndim])
            numbers = (c_double * int(np.prod(shape))).from_address(array.data) if array.data else ()
            results[array.name.decode()] = np.array(numbers, dtype=np.float64).reshape(shape)

        error = _Error()
        wanted = ATOMIC_VALUES | ATOMIC_VIRIALS if atomic else 0
        if function(handle, byref(argument), wanted, _Take(take), None, byref(error)):
            raise ModelError(error.text.decode())
        return results


def find_plugins() -> dict[str, str]:
    """The files of the plug-ins that are found, by name; none is loaded."""
    found: dict[str, str] = {}

    def take(_: int, name: bytes, file: bytes) -> None:
        found[name.decode()] = file.decode()

    _library().deepmd_find_plugins(_TakePlugin(take), None)
    return found


def load_plugin(file: str) -> None:
    """Loads a plug-in with its framework into this process; ModelError says why it can't be."""
    error = _Error()
    if _library().deepmd_load_plugin(str(file).encode(), byref(error)):
        raise ModelError(error.text.decode())


def _reals(array: np.ndarray | None) -> np.ndarray | None:
    return None if array is None else np.ascontiguousarray(array, dtype=np.float64)


def _address(array: np.ndarray | None) -> int | None:
    return None if array is None else array.ctypes.data
