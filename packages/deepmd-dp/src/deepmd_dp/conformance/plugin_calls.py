# SPDX-License-Identifier: LGPL-3.0-or-later
"""A plug-in of libdeepmd_cc called from Python: the structures of `deepmd/backend_plugin.h`.

It is loaded as libdeepmd_cc loads it, and no framework is imported here.
"""

from __future__ import annotations

import ctypes
import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.errors import DeepmdError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ABI = 1
_DTYPES: tuple[type[np.generic], ...] = (np.float64, np.int64)
"""By their numbers in the header."""


class PluginError(DeepmdError):
    """What a plug-in says."""


class _Array(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("dtype", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("data", ctypes.c_void_p),
    )


class _Error(ctypes.Structure):
    _fields_ = (("text", ctypes.c_char * 2048),)


class _Options(ctypes.Structure):
    _fields_ = (("nthreads", ctypes.c_int32), ("device", ctypes.c_int32))


_TAKE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(_Array))
_MODEL, _ERROR = ctypes.c_void_p, ctypes.POINTER(_Error)


class _Plugin(ctypes.Structure):
    _fields_ = (
        ("abi", ctypes.c_uint32),
        ("name", ctypes.c_char_p),
        ("suffixes", ctypes.c_char_p),
        ("open", ctypes.CFUNCTYPE(_MODEL, ctypes.c_char_p, ctypes.POINTER(_Options), _ERROR)),
        ("record", ctypes.CFUNCTYPE(ctypes.c_char_p, _MODEL)),
        (
            "run_graph",
            ctypes.CFUNCTYPE(
                ctypes.c_int, _MODEL, ctypes.POINTER(_Array), ctypes.c_int32, _TAKE, ctypes.c_void_p, _ERROR
            ),
        ),
        ("compiles_shapes", ctypes.CFUNCTYPE(ctypes.c_int, _MODEL)),
        ("compute", ctypes.c_void_p),
        ("close", ctypes.CFUNCTYPE(None, _MODEL)),
    )


class Plugin:
    """A plug-in of kind graph.

    Attributes
    ----------
    path : Path
        Of the library.
    name : str
        Of the backend.
    suffixes : list of str
        Endings of its files.

    Raises
    ------
    OSError
        It does not load, or is no plug-in.
    """

    def __init__(self, library: Path) -> None:
        entry = getattr(ctypes.CDLL(str(library), mode=_loading_mode()), "deepmd_backend_plugin", None)
        if entry is None:
            raise OSError(f"{library} exports no deepmd_backend_plugin")
        self.path = library
        entry.restype = ctypes.POINTER(_Plugin)
        self.table = entry().contents
        if self.table.abi != ABI:
            raise OSError(f"{library} speaks version {self.table.abi} of the interface, this is {ABI}")
        self.name = self.table.name.decode()
        self.suffixes = self.table.suffixes.decode().split()

    def open(self, path: Path, nthreads: int = 1, device: int = -1) -> PluginModel:
        """A model; PluginError where it fails."""
        error = _Error()
        options = _Options(nthreads, device)
        handle = self.table.open(str(path).encode(), ctypes.byref(options), ctypes.byref(error))
        if not handle:
            raise PluginError(error.text.decode())
        return PluginModel(self.table, handle)


class PluginModel:
    """A model that a plug-in has opened; a context that closes it.

    Attributes
    ----------
    record : dict
        The model's, see `deepmd_dp.kit.metadata`.
    compiles_shapes : bool
        Whether each new shape costs a compilation.
    """

    def __init__(self, table: _Plugin, handle: int) -> None:
        self._table = table
        self._handle: int | None = handle
        self.record: dict[str, Any] = json.loads(table.record(handle))
        self.compiles_shapes = bool(table.compiles_shapes and table.compiles_shapes(handle))

    def run(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs by name; PluginError where it fails."""
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        inputs = (_Array * len(contiguous))(*(_structure_of(name, array) for name, array in contiguous.items()))
        results: dict[str, np.ndarray] = {}

        def take(_: int, result: Any) -> None:
            name, array = _copy_of(result.contents)
            results[name] = array

        error = _Error()
        if self._table.run_graph(self._handle, inputs, len(inputs), _TAKE(take), None, ctypes.byref(error)):
            raise PluginError(error.text.decode())
        return results

    def close(self) -> None:
        """Frees the model."""
        if self._handle is not None:
            self._table.close(self._handle)
            self._handle = None

    def __enter__(self) -> PluginModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _loading_mode() -> int:
    """With own symbols first where `import tensorflow` (2.21) offers its own to all: paddle dies of its protobuf."""
    offers_all = hasattr(ctypes.CDLL(None), "TF_Version")
    return ctypes.RTLD_LOCAL | (os.RTLD_DEEPBIND if offers_all else 0)


def _structure_of(name: str, array: np.ndarray) -> _Array:
    shape = (ctypes.c_int64 * array.ndim)(*array.shape)
    return _Array(name.encode(), _DTYPES.index(array.dtype.type), array.ndim, shape, array.ctypes.data)


def _copy_of(result: _Array) -> tuple[str, np.ndarray]:
    """Name and numbers of a result, which is gone after the call."""
    shape, dtype = tuple(result.shape[: result.ndim]), np.dtype(_DTYPES[result.dtype])
    size = int(np.prod(shape)) * dtype.itemsize
    return result.name.decode(), np.frombuffer(ctypes.string_at(result.data, size), dtype).reshape(shape)
