# SPDX-License-Identifier: LGPL-3.0-or-later
"""The Array API on NumPy arrays that the package `autograd` traces, as far as the models use it.

Importing this module makes `array_namespace` answer it for traced arrays, so that the NumPy
backend has derivatives of every model without a line of its own for any of them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import autograd.numpy as anp
import numpy as np
from autograd.extend import defvjp, primitive
from autograd.numpy.numpy_boxes import ArrayBox

from deepmd_dp.dialect import array_api

Array = Any

SAME = (
    "abs arange broadcast_to cos equal exp expand_dims log log1p matmul max maximum mean minimum ones_like prod "
    "reshape sin sqrt square squeeze stack sum tensordot where zeros_like"
).split()
"""Functions of the same name and meaning in NumPy and in the standard."""
globals().update({name: getattr(anp, name) for name in SAME})
int64, permute_dims = np.int64, anp.transpose

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


@primitive
def tanh(x: Array) -> Array:
    """With a derivative that does not overflow: autograd's divides by cosh²."""
    return np.tanh(x)


defvjp(tanh, lambda y, x: lambda upstream: upstream * (1.0 - y * y))


def astype(x: Array, dtype: Any) -> Array:
    """Integers are constants, with no trace: they may be indices."""
    if np.issubdtype(dtype, np.integer):
        while isinstance(x, ArrayBox):
            x = x._value
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
