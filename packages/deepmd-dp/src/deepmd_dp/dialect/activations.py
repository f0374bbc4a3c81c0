# SPDX-License-Identifier: LGPL-3.0-or-later
"""Activation functions by their names in the input."""

from __future__ import annotations

import math
from functools import cache, partial
from typing import TYPE_CHECKING

from deepmd.errors import InputError
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.operation import operation

if TYPE_CHECKING:
    from collections.abc import Callable


def _linear(x: Array) -> Array:
    return x


def _tanh(x: Array) -> Array:
    return array_namespace(x).tanh(x)


def _sigmoid(x: Array) -> Array:
    """1/(1+exp(−x)) as a tanh, which neither overflows nor loses its derivative."""
    return 0.5 + 0.5 * array_namespace(x).tanh(0.5 * x)


def _relu(x: Array) -> Array:
    xp = array_namespace(x)
    return x * xp.astype(x > 0, x.dtype)


def _relu6(x: Array) -> Array:
    xp = array_namespace(x)
    return xp.where(x > 6, 6.0 * xp.ones_like(x), _relu(x))


def _softplus(x: Array) -> Array:
    """log(1+exp(x)) = max(x, 0) + log(1+exp(−|x|))."""
    xp = array_namespace(x)
    return _relu(x) + xp.log1p(xp.exp(-xp.abs(x)))


def _gelu(x: Array) -> Array:
    """The tanh form of GELU (Hendrycks & Gimpel, arXiv:1606.08415)."""
    xp = array_namespace(x)
    return 0.5 * x * (1.0 + xp.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))


@operation
def silu(x: Float[Array, "*axes"]) -> Float[Array, "*axes"]:
    """x / (1 + exp(-x))."""
    return x * _sigmoid(x)


@operation
def silut(x: Float[Array, "*axes"], threshold: float) -> Float[Array, "*axes"]:
    """SiLU up to the threshold, above it a tanh that goes on with the same value and slope."""
    xp = array_namespace(x)
    value, slope = silut_constants(threshold)
    return xp.where(x < threshold, x * _sigmoid(x), xp.tanh(slope * (x - threshold)) + value)


def silut_constants(threshold: float) -> tuple[float, float]:
    """Value and slope of SiLU at the threshold."""
    sigmoid = 1.0 / (1.0 + math.exp(-threshold))
    value = threshold * sigmoid
    return value, sigmoid + value * (1.0 - sigmoid)


_BY_NAME: dict[str, Callable[[Array], Array]] = {
    "none": _linear,
    "linear": _linear,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "relu": _relu,
    "relu6": _relu6,
    "softplus": _softplus,
    "gelu": _gelu,
    "gelu_tf": _gelu,
    "silu": silu,
}
_WITH_THRESHOLD = ("silut", "custom_silu")


@cache
def activation(name: str) -> Callable[[Array], Array]:
    """The function of this name, any case; ``silut:x`` and ``custom_silu:x`` carry a threshold (default 3).

    Raises
    ------
    InputError
        The name is unknown.
    """
    key, _, threshold = name.lower().partition(":")
    if key in _WITH_THRESHOLD:
        return partial(silut, threshold=float(threshold or 3.0))
    if key not in _BY_NAME:
        known = ", ".join([*_BY_NAME, *(f"{name}:x" for name in _WITH_THRESHOLD)])
        raise InputError(f"activation_function {name!r} is unknown; expected one of {known}.")
    return _BY_NAME[key]
