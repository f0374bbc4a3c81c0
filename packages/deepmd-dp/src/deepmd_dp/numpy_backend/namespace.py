# SPDX-License-Identifier: LGPL-3.0-or-later
"""The Array API on NumPy arrays that the package `autograd` traces, as far as the models use it.

Importing this module makes `array_namespace` answer it for traced arrays, so that the NumPy
backend has derivatives of every model without a line of its own for any of them.
"""

from __future__ import annotations

import sys
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.extend import defvjp, primitive

# same name and meaning in NumPy and in the standard
from autograd.numpy import (
    abs,
    arange,
    broadcast_to,
    cos,
    equal,
    exp,
    expand_dims,
    log,
    log1p,
    matmul,
    max,
    maximum,
    mean,
    minimum,
    ones_like,
    prod,
    reshape,
    sin,
    sqrt,
    square,
    squeeze,
    stack,
    sum,
    tensordot,
    where,
    zeros_like,
)
from autograd.numpy import (
    transpose as permute_dims,
)
from autograd.numpy.numpy_boxes import ArrayBox

from deepmd_dp.dialect import array_api

__all__ = [
    "abs",
    "arange",
    "asarray",
    "astype",
    "broadcast_to",
    "concat",
    "cos",
    "device",
    "equal",
    "exp",
    "expand_dims",
    "int64",
    "log",
    "log1p",
    "matmul",
    "matrix_transpose",
    "max",
    "maximum",
    "mean",
    "minimum",
    "ones_like",
    "permute_dims",
    "prod",
    "reshape",
    "sin",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "sum",
    "take",
    "tanh",
    "tensordot",
    "where",
    "zeros_like",
]

Array = Any

int64 = np.int64


@primitive
def tanh(x: Array) -> Array:
    """With a derivative that does not overflow: autograd's divides by cosh²."""
    return np.tanh(x)


defvjp(tanh, lambda y, x: lambda upstream: upstream * (1.0 - y * y))


def astype(x: Array, dtype: Any) -> Array:
    return x.astype(dtype)


def concat(arrays: list[Array], axis: int = 0) -> Array:
    return anp.concatenate(arrays, axis=axis)


def matrix_transpose(x: Array) -> Array:
    return anp.swapaxes(x, -1, -2)


def take(x: Array, index: Array, axis: int = 0) -> Array:
    return x[(slice(None),) * axis + (index,)]


def asarray(value: Any, dtype: Any = None, device: Any = None) -> Array:
    """A constant: it has no derivative and needs no trace."""
    del device
    return anp.array(value, dtype=dtype)


def device(x: Array) -> None:
    """NumPy has one device."""
    del x


array_api.register_namespace(ArrayBox, sys.modules[__name__])
