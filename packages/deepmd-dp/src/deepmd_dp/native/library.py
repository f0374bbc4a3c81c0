# SPDX-License-Identifier: LGPL-3.0-or-later
"""Calls of the library without Python that deepmd-dp's wheel brings, which is its plug-in for C++ programs too."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char, c_char_p, c_double, c_int32, c_int64, c_void_p
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd_dp.dialect.array import Shaped
from deepmd_dp.kit.kernels import find_library

if TYPE_CHECKING:
    from deepmd_dp.neighbor.frame import Frame


class EngineError(RuntimeError):
    """What is wrong with a model or an input, in one line."""


class NotCoveredError(EngineError):
    """A model that is whole, but of a kind that the engine does not compute."""


EXCEPTIONS = {1: ValueError, 2: MemoryError, 3: EngineError, 4: NotCoveredError}
"""By how a call ended, see csrc/python/calls.hpp."""


class CallError(ctypes.Structure):
    """Why a call failed."""

    _fields_ = [("text", c_char * 2048)]


class CFrame(ctypes.Structure):
    """A frame as C++ has it."""

    _fields_ = [
        ("natoms", c_int64),
        ("coord", c_void_p),
        ("atype", c_void_p),
        ("box", c_void_p),
        ("pbc", c_int32 * 3),
    ]


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "find_pairs": (POINTER(CFrame), c_void_p, POINTER(c_void_p)),
    "free_widths": (c_void_p, c_int64, c_void_p),
    "fill_padded": (c_void_p, c_int64, c_void_p, c_void_p, c_void_p, POINTER(c_int64)),
    "count_neighbors": (c_void_p, c_int64, c_void_p, c_void_p, POINTER(c_int64)),
    "open": (c_char_p, c_int64, c_int32, POINTER(c_void_p)),
    "compute": (c_void_p, POINTER(CFrame), c_int64, c_void_p, c_void_p, c_int32, c_void_p),
}
"""Of the functions that may fail, without the last one, which says why."""
RESULTS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "free_pairs": (None, (c_void_p,)),
    "record": (c_char_p, (c_void_p,)),
    "seconds": (c_double, (c_void_p, c_int32, POINTER(c_char_p))),
    "close": (None, (c_void_p,)),
    "multiply": (c_double, (c_int32,)),
}
"""What the others give and take."""


@cache
def library() -> ctypes.CDLL:
    """The library, with the functions' types; OSError where it does not load."""
    loaded = ctypes.CDLL(str(find_library("deepmd-dp", "libdeepmd_backend_dp", Path(__file__).parent.parent)))
    for name, arguments in ARGUMENTS.items():
        _declare(loaded, name, ctypes.c_int, (*arguments, POINTER(CallError)))
    for name, (result, arguments) in RESULTS.items():
        _declare(loaded, name, result, arguments)
    return loaded


def _declare(loaded: ctypes.CDLL, name: str, result: Any, arguments: tuple[Any, ...]) -> None:
    function = getattr(loaded, f"deepmd_dp_{name}")
    function.restype, function.argtypes = result, arguments


def call(name: str, *arguments: Any) -> None:
    """Calls a function that may fail, other threads of Python running meanwhile.

    Raises
    ------
    ValueError, MemoryError, EngineError, NotCoveredError
        As the function says.
    """
    error = CallError()
    status = getattr(library(), f"deepmd_dp_{name}")(*arguments, ctypes.byref(error))
    if status:
        raise EXCEPTIONS[status](error.text.decode(errors="replace"))


def frame_of(frame: Frame) -> CFrame:
    """The frame for C++, on its arrays."""
    return CFrame(
        len(frame.coord),
        address(frame.coord, np.float64),
        address(frame.atype, np.int32),
        address(frame.box, np.float64),
        frame.pbc,
    )


def address(array: Shaped[np.ndarray, "*axes"] | None, dtype: type[np.generic]) -> int | None:
    """Where the numbers of a contiguous array lie; TypeError for one that C++ would read wrongly."""
    if array is None:
        return None
    if array.dtype != dtype or not array.flags.c_contiguous:
        raise TypeError(f"an array of {array.dtype} is given; expected contiguous {np.dtype(dtype)}")
    return array.ctypes.data
