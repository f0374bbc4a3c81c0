# SPDX-License-Identifier: LGPL-3.0-or-later
"""Loading the compiled kernels, and making them known to XLA."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import jax

from deepmd_dp.kit.kernels import find_library, warn_without_kernels

MOMENTS = "deepmd_jax_moments"
"""The name by which XLA knows the operator."""


@cache
def load_library() -> bool:
    """Load the kernels; where that fails, warn once and say why."""
    try:
        library = ctypes.CDLL(str(find_library("deepmd-jax", "libdeepmd_jax_ops", Path(__file__).parent)))
        jax.ffi.register_ffi_target(MOMENTS, jax.ffi.pycapsule(getattr(library, MOMENTS)), platform="cpu")
    # AttributeError: the library lacks the operator, since it is an older one
    except (OSError, AttributeError) as error:
        warn_without_kernels("deepmd-jax", f"JAX {jax.__version__}", error)
        return False
    return True
