# SPDX-License-Identifier: LGPL-3.0-or-later
"""Floating-point types by their names in the input."""

from __future__ import annotations

import numpy as np

from deepmd.errors import InputError

_DTYPES = {
    "default": np.float64,
    "float64": np.float64,
    "double": np.float64,
    "float32": np.float32,
    "float": np.float32,
}


def numpy_dtype(precision: str) -> np.dtype:
    """NumPy's type of a precision such as ``float32``; ``default`` is float64.

    Raises
    ------
    InputError
        The precision is not supported.
    """
    if precision not in _DTYPES:
        raise InputError(f"precision {precision!r} is not supported; expected one of {', '.join(_DTYPES)}.")
    return np.dtype(_DTYPES[precision])


def precision_name(precision: str) -> str:
    """The name without synonyms: ``float64`` or ``float32``."""
    return numpy_dtype(precision).name
