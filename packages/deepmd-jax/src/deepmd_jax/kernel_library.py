# SPDX-License-Identifier: LGPL-3.0-or-later
"""Loading the compiled kernels, and making them known to XLA."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import jax

from deepmd_dp.kit.kernels import find_library, warn_without_kernels

CALLS = ("embedding_moments", "embedding_moments_backward", "moments_force", "moments_force_backward")


def target(call: str) -> str:
    """The name by which XLA knows a call."""
    return f"deepmd_jax_{call}"


@cache
def load_library() -> bool:
    """Load the kernels; where that fails, warn once and say why."""
    try:
        library = _library()
        for call in CALLS:
            handler = jax.ffi.pycapsule(getattr(library, target(call)))
            jax.ffi.register_ffi_target(target(call), handler, platform="cpu")
    # AttributeError: the library lacks a call, since it is an older one
    except (OSError, AttributeError) as error:
        warn_without_kernels("deepmd-jax", f"JAX {jax.__version__}", error)
        return False
    return True


def row_width(nout: int, itemsize: int) -> int:
    """How wide the kernels' rows of G are on this machine, for a net's output of `nout` numbers of so many bytes."""
    function = _library().deepmd_jax_row_width
    function.argtypes = (ctypes.c_int, ctypes.c_int)
    return function(nout, itemsize)


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(str(find_library("deepmd-jax", "libdeepmd_jax_ops", Path(__file__).parent)))
