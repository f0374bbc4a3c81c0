# SPDX-License-Identifier: LGPL-3.0-or-later
"""A model in C++, as `deepmd_dp.numpy_backend.engine` takes it."""

from __future__ import annotations

import ctypes
import weakref
from ctypes import byref, c_char_p, c_int64, c_void_p
from typing import TYPE_CHECKING

import numpy as np

from deepmd_dp.dialect.array import Float
from deepmd_dp.native.library import address, call, frame_of, library

if TYPE_CHECKING:
    from deepmd_dp.neighbor.frame import Frame


class _Term(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("size", c_int64)]


class Model:
    """A model of a document in the safetensors format, for one thread at a time.

    Raises
    ------
    NotCoveredError
        The model is of a kind that the engine does not compute.
    EngineError
        The document is damaged.
    """

    def __init__(self, document: bytes, nthreads: int) -> None:
        self._handle = c_void_p()
        call("open", document, len(document), nthreads, byref(self._handle))
        # at the end of the process a thread may still be in it
        weakref.finalize(self, library().deepmd_dp_close, self._handle).atexit = False

    @property
    def record(self) -> str:
        """What a caller must know, JSON."""
        text: bytes = library().deepmd_dp_record(self._handle)
        return text.decode()

    @property
    def seconds(self) -> dict[str, float]:
        """Processor time of each phase so far."""
        found, name = {}, c_char_p()
        seconds = library().deepmd_dp_seconds
        value = seconds(self._handle, 0, byref(name))
        while name.value is not None:
            found[name.value.decode()] = value
            value = seconds(self._handle, len(found), byref(name))
        return found

    def compute(
        self,
        frame: Frame,
        nloc: int,
        fparam: Float[np.ndarray, "nfparam"] | None = None,
        aparam: Float[np.ndarray, "nloc naparam"] | None = None,
        *,
        atomic: bool = False,
    ) -> tuple[Float[np.ndarray, "_"], ...]:
        """The terms of one frame as flat arrays: sum, atom, force, virial, atom_virial."""
        terms = (_Term * 5)()
        call(
            *("compute", self._handle, byref(frame_of(frame)), int(nloc)),
            *(address(fparam, np.float64), address(aparam, np.float64), atomic, terms),
        )
        return tuple(map(_copied, terms))


def _copied(term: _Term) -> np.ndarray:
    array = np.empty(term.size)
    ctypes.memmove(array.ctypes.data, term.data, array.nbytes)
    return array


def multiply(times: int) -> float:
    """Matrix products to time; gives the operations done."""
    return library().deepmd_dp_multiply(times)  # type: ignore[no-any-return]
