# SPDX-License-Identifier: LGPL-3.0-or-later
"""The Array API on paddle, as far as models use it, of functions that can be differentiated twice.

Where paddle (3.3) has no second derivative of a function, it is written out here; it has none of ``prod``, ``cumsum``,
``roll``, strided slices, the inverse and hyperbolic functions but ``acos`` and ``tanh``.
"""

from __future__ import annotations

import builtins
import sys
from functools import wraps
from typing import TYPE_CHECKING, Any

from deepmd_dp.dialect import array_api
from deepmd_pd.framework import core, paddle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Array = paddle.Tensor | paddle.pir.Value
    DType = paddle.dtype
    Size = int | paddle.pir.Value
    Axes = int | tuple[int, ...] | None

_SAME = (
    "abs acos all any argmax argmin bool cos exp float32 float64 floor int32 int64 isfinite isnan log logical_and "
    "logical_not logical_or ones_like round sign sin sqrt square tanh zeros_like"
).split()
"""Functions of the same name and meaning in paddle and in the standard."""
globals().update({name: getattr(paddle, name) for name in _SAME} | {"permute_dims": paddle.transpose})

_NARROW = 8
"""Columns up to which arrays are joined by way of their transposes."""
dynamic_shape = True
"""Sizes are asked for by `shape`, since they may be unknown while a graph is recorded."""


def shape(x: Array) -> tuple[Size, ...]:
    """Sizes as integers where they are known, else as 0-d arrays of the graph."""
    if paddle.in_dynamic_mode() or -1 not in x.shape:
        return tuple(x.shape)
    sizes = paddle.shape(x)
    return tuple(sizes[axis] if size == -1 else size for axis, size in enumerate(x.shape))


def asarray(value: Any, dtype: DType | None = None, device: core.Place | None = None) -> Array:
    """An array of what NumPy makes one of; Python's floats become float64."""
    if dtype is None and isinstance(value, float):
        dtype = paddle.float64
    return paddle.to_tensor(value, dtype=dtype, place=device)


def device(x: Array) -> core.Place | None:
    """Where it lies; while a graph is recorded, wherever that will run."""
    return x.place if isinstance(x, paddle.Tensor) else None


def arange(
    start: Size,
    stop: Size | None = None,
    step: int = 1,
    dtype: DType = paddle.int64,
    device: core.Place | None = None,
) -> Array:
    """Integers from `start`, or 0 where that stands alone, to `stop`."""
    first, last = (0, start) if stop is None else (start, stop)
    return _placed(paddle.arange(first, last, step, dtype), device)


def zeros(shape: Sequence[Size], dtype: DType = paddle.float64, device: core.Place | None = None) -> Array:
    """An array of zeros."""
    return _placed(paddle.zeros(list(shape), dtype), device)


def full(shape: Sequence[Size], value: float, dtype: DType | None = None, device: core.Place | None = None) -> Array:
    """An array of one value; Python's floats become float64, its integers int64."""
    default = paddle.float64 if isinstance(value, float) else paddle.int64
    return _placed(paddle.full(list(shape), value, dtype or default), device)


def _placed(x: Array, device: core.Place | None) -> Array:
    return x if device is None or x.place._equals(device) else x.to(device)


def astype(x: Array, dtype: DType) -> Array:
    """The array in another type; itself where it has that type."""
    return x if x.dtype == dtype else paddle.cast(x, dtype)


def reshape(x: Array, shape: Sequence[Size]) -> Array:
    """The elements in another shape; one size may be -1."""
    return paddle.reshape(x, list(shape))


def broadcast_to(x: Array, shape: Sequence[Size]) -> Array:
    """The array repeated along axes of size 1."""
    return paddle.expand(x, list(shape))


def matrix_transpose(x: Array) -> Array:
    """The last two axes exchanged."""
    axes = list(range(x.ndim))
    return paddle.transpose(x, [*axes[:-2], axes[-1], axes[-2]])


def concat(arrays: Sequence[Array], axis: int = 0) -> Array:
    """Of arrays that all have a derivative, or none: the second derivative of a mixture fails (paddle 3.3)."""
    if len(arrays) == 1:
        return arrays[0]
    if builtins.any(not each.stop_gradient for each in arrays):
        arrays = [each if not each.stop_gradient else _differentiable(each) for each in arrays]
    ndim = arrays[0].ndim
    if axis not in (-1, ndim - 1) or builtins.max(each.shape[axis] for each in arrays) > _NARROW:
        return paddle.concat(list(arrays), axis)
    # paddle copies number by number, and more slowly still for the derivative: 20 times faster the other way round
    turned = [paddle.transpose(each, [ndim - 1, *range(ndim - 1)]) for each in arrays]
    return paddle.transpose(paddle.concat(turned, 0), [*range(1, ndim), 0])


def _differentiable(constant: Array) -> Array:
    """The same as a variable that nobody asks about."""
    variable = constant.detach()
    variable.stop_gradient = False
    return variable


def matmul(x1: Array, x2: Array) -> Array:
    """The product of matrices; of many with one it is one large one, whose derivative paddle (3.3) sums up instead."""
    if x2.ndim != 2 or x1.ndim <= 2:
        return paddle.matmul(x1, x2)
    flat = paddle.matmul(paddle.reshape(x1, [-1, x1.shape[-1]]), x2)
    return paddle.reshape(flat, [*shape(x1)[:-1], x2.shape[1]])


def sum(x: Array, axis: Axes = None, keepdims: builtins.bool = False) -> Array:
    """The sum over some axes, None: over all."""
    return paddle.sum(x, axis, keepdim=keepdims)


def mean(x: Array, axis: Axes = None, keepdims: builtins.bool = False) -> Array:
    """The mean over some axes, None: over all."""
    return paddle.mean(x, axis, keepdim=keepdims)


def max(x: Array, axis: int = -1, keepdims: builtins.bool = False) -> Array:
    """The largest along an axis, picked out by its place: paddle.max has no second derivative (3.3)."""
    picked = paddle.take_along_axis(x, paddle.argmax(x, axis, keepdim=True), axis, broadcast=False)
    return picked if keepdims else paddle.squeeze(picked, axis)


def _both(x1: Array | float, x2: Array | float) -> tuple[Array, Array]:
    """Two arrays; a number becomes one in the other's type."""
    if isinstance(x1, int | float):
        x1 = paddle.full([], x1, x2.dtype)
    return x1, paddle.full([], x2, x1.dtype) if isinstance(x2, int | float) else x2


def _of_both(function: Callable[[Array, Array], Array]) -> Callable[[Array | float, Array | float], Array]:
    """A function of two arrays for an array and a number too."""
    return wraps(function)(lambda x1, x2: function(*_both(x1, x2)))


equal = _of_both(paddle.equal)
greater = _of_both(paddle.greater_than)
greater_equal = _of_both(paddle.greater_equal)
less = _of_both(paddle.less_than)
less_equal = _of_both(paddle.less_equal)
maximum = _of_both(paddle.maximum)
minimum = _of_both(paddle.minimum)
not_equal = _of_both(paddle.not_equal)


def where(condition: Array, x1: Array | float, x2: Array | float) -> Array:
    """`x1` where the condition holds, else `x2`; one of them may be a number."""
    return paddle.where(condition, *_both(x1, x2))


def log1p(x: Array) -> Array:
    """Written out: paddle.log1p has no second derivative (3.3). What 1 + x has lost is added to the logarithm."""
    sum_ = 1.0 + x
    return paddle.log(sum_) + ((x - (sum_ - 1.0)) / sum_).detach()


def take(x: Array, indices: Array, axis: int = 0) -> Array:
    """Elements along an axis by a list of indices."""
    return paddle.gather(x, indices, axis)


def take_along_axis(x: Array, indices: Array, axis: int = -1) -> Array:
    """For each row along an axis its own indices."""
    return paddle.take_along_axis(x, indices, axis, broadcast=False)


for _array_type in (paddle.Tensor, paddle.pir.Value):  # arrays, and what stands for them while a graph is recorded
    array_api.register_namespace(_array_type, sys.modules[__name__])
