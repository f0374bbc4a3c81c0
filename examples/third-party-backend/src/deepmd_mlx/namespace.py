# SPDX-License-Identifier: LGPL-3.0-or-later
"""The Array API on MLX: `mlx.core`, with the functions that must differ from it."""

from __future__ import annotations

import math
import sys
from typing import Any

import mlx.core as mx

from deepmd_dp.dialect import array_api, ops


def __getattr__(name: str) -> Any:
    return getattr(mx, name)


def exp(x: mx.array) -> mx.array:
    """e to the power x: `mx.exp` of float64 has but seven digits on the CPU (0.32.4, tests/test_mlx.py tells)."""
    return mx.power(mx.array(math.e, dtype=x.dtype), x)


def asarray(value: Any, dtype: mx.Dtype | None = None, device: None = None) -> mx.array:
    """An array of the same type, which MLX would make float32 unless told; `mx.asarray` takes no device."""
    del device
    if dtype is None and hasattr(value, "dtype"):
        dtype = getattr(mx, value.dtype.name)
    return mx.array(value, dtype=dtype)


def astype(x: mx.array, dtype: mx.Dtype) -> mx.array:
    """`mx.astype`, but integers made of floats are constants: MLX would look for the derivative by an index."""
    is_whole = mx.issubdtype(dtype, mx.integer)
    return (mx.stop_gradient(x) if is_whole else x).astype(dtype)


def device(x: mx.array) -> None:
    """MLX's arrays are in memory that all devices share."""
    del x


def scatter_add(values: mx.array, index: mx.array, size: int) -> mx.array:
    """See `ops.scatter_add`; empty slots go to a row that is cut off."""
    nframes, _, width = values.shape
    # an index may have been made of floats, and MLX would look for the derivative by it
    rows = mx.stop_gradient(mx.where(index < 0, size, index))
    out = mx.zeros((nframes, size + 1, width), dtype=values.dtype)
    return out.at[mx.arange(nframes)[:, None], rows].add(values)[:, :size]


array_api.register_namespace(mx.array, sys.modules[__name__])
ops.override("scatter_add", sys.modules[__name__], scatter_add)
