# SPDX-License-Identifier: LGPL-3.0-or-later
"""The Array API on paddle, as far as the models use it, of functions that can be differentiated twice."""

from __future__ import annotations

import sys
from typing import Any

from deepmd_dp.dialect import array_api
from deepmd_pd.framework import paddle

__all__ = [
    "abs",
    "arange",
    "asarray",
    "astype",
    "broadcast_to",
    "concat",
    "cumulative_sum",
    "device",
    "equal",
    "exp",
    "log1p",
    "matmul",
    "matrix_transpose",
    "max",
    "mean",
    "ones_like",
    "reshape",
    "shape",
    "sqrt",
    "sum",
    "take",
    "take_along_axis",
    "tanh",
    "where",
    "zeros_like",
]

Array = Any

# same name and meaning in paddle and in the standard
abs = paddle.abs
equal = paddle.equal
exp = paddle.exp
matmul = paddle.matmul
ones_like = paddle.ones_like
sqrt = paddle.sqrt
tanh = paddle.tanh
where = paddle.where
zeros_like = paddle.zeros_like

dynamic_shape = True
"""Sizes are asked for by `shape`, since they may be unknown while a graph is recorded."""


def shape(x: Array) -> tuple[Any, ...]:
    """Sizes as integers where they are known, else as 0-d arrays of the graph."""
    if paddle.in_dynamic_mode() or -1 not in x.shape:
        return tuple(x.shape)
    sizes = paddle.shape(x)
    return tuple(sizes[axis] if size == -1 else size for axis, size in enumerate(x.shape))


def asarray(value: Any, dtype: Any = None, device: Any = None) -> Array:
    return paddle.to_tensor(value, dtype=dtype, place=device)


def device(x: Array) -> Any:
    """Where it lies; while a graph is recorded, wherever that will run."""
    return x.place if isinstance(x, paddle.Tensor) else None


def arange(stop: Any) -> Array:
    return paddle.arange(stop, dtype="int64")


def astype(x: Array, dtype: Any) -> Array:
    return x if x.dtype == dtype else paddle.cast(x, dtype)


def reshape(x: Array, shape: tuple[Any, ...]) -> Array:
    return paddle.reshape(x, list(shape))


def broadcast_to(x: Array, shape: tuple[Any, ...]) -> Array:
    return paddle.expand(x, list(shape))


def concat(arrays: list[Array], axis: int = 0) -> Array:
    """Of arrays that all have a derivative, or none: the second derivative of a mixture fails (paddle 3.3)."""
    if any(not each.stop_gradient for each in arrays):
        arrays = [each if not each.stop_gradient else _differentiable(each) for each in arrays]
    return paddle.concat(list(arrays), axis)


def _differentiable(constant: Array) -> Array:
    """The same as a variable that nobody asks about."""
    variable = constant.detach()
    variable.stop_gradient = False
    return variable


def matrix_transpose(x: Array) -> Array:
    axes = list(range(x.ndim))
    return paddle.transpose(x, [*axes[:-2], axes[-1], axes[-2]])


def sum(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    return paddle.sum(x, axis, keepdim=keepdims)


def mean(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    return paddle.mean(x, axis, keepdim=keepdims)


def max(x: Array, axis: int = -1, keepdims: bool = False) -> Array:
    """The largest along an axis, picked out by its place: paddle.max has no second derivative (3.3)."""
    largest = paddle.take_along_axis(x, paddle.argmax(x, axis, keepdim=True), axis, broadcast=False)
    return largest if keepdims else paddle.squeeze(largest, axis)


def cumulative_sum(x: Array, axis: int) -> Array:
    return paddle.cumsum(x, axis)


def log1p(x: Array) -> Array:
    """Written out: paddle.log1p has no second derivative (3.3). What 1 + x has lost is added to the logarithm."""
    sum_ = 1.0 + x
    return paddle.log(sum_) + ((x - (sum_ - 1.0)) / sum_).detach()


def take(x: Array, indices: Array, axis: int = 0) -> Array:
    return paddle.gather(x, indices, axis)


def take_along_axis(x: Array, indices: Array, axis: int = -1) -> Array:
    return paddle.take_along_axis(x, indices, axis, broadcast=False)


for _array_type in (paddle.Tensor, paddle.pir.Value):  # arrays, and what stands for them while a graph is recorded
    array_api.register_namespace(_array_type, sys.modules[__name__])
