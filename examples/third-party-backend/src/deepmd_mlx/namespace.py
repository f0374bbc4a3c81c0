# SPDX-License-Identifier: LGPL-3.0-or-later
"""The Array API on MLX: `mlx.core`, with the functions that must differ from it."""

from __future__ import annotations

import math
import sys
from typing import Any

import mlx.core as mx

from deepmd_dp.dialect import array_api


def __getattr__(name: str) -> Any:
    return getattr(mx, name)


def exp(x: mx.array) -> mx.array:
    """e to the power x: `mx.exp` of float64 has but seven digits on the CPU (0.32.4, tests/test_mlx.py tells)."""
    return mx.power(mx.array(math.e, dtype=x.dtype), x)


def asarray(value: Any, dtype: mx.Dtype | None = None, device: None = None) -> mx.array:
    """An array; `mx.asarray` takes no device."""
    del device
    return mx.array(value, dtype=dtype)


def device(x: mx.array) -> None:
    """MLX's arrays are in memory that all devices share."""
    del x


array_api.register_namespace(mx.array, sys.modules[__name__])
