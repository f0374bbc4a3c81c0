# SPDX-License-Identifier: LGPL-3.0-or-later
"""The Array API on TensorFlow, as far as models may use it; sizes may be unknown while a graph is built.

All can be derived twice where the standard's function has a derivative. Indices are int64, of any number of axes.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from deepmd_dp.dialect import array_api

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SAME_NAME = {
    tf: "abs acos add argmax argmin asin atan atan2 bool broadcast_to cos cosh divide equal exp expand_dims float32 "
    "float64 floor greater greater_equal int32 int64 less less_equal logical_and logical_not logical_or maximum "
    "minimum multiply negative not_equal ones_like repeat reshape roll round sign sin sinh sqrt square squeeze stack "
    "subtract tan tanh tile unstack zeros_like",
    tf.math: "ceil expm1 log log1p logical_xor pow",
    tf.linalg: "matrix_transpose",
}
"""Functions and types that TensorFlow has under the standard's names and with their meaning."""
_REDUCTIONS = "sum mean prod max min all any"
globals().update({name: getattr(module, name) for module, names in _SAME_NAME.items() for name in names.split()})
globals().update({name: getattr(tf, f"reduce_{name}") for name in _REDUCTIONS.split()})
var, cumulative_sum, astype = tf.math.reduce_variance, tf.cumsum, tf.cast
isfinite, isnan, remainder = tf.math.is_finite, tf.math.is_nan, tf.math.floormod

Size = Any  # a number, or while a graph is built a scalar tensor
Sizes = Any  # a size, or several

dynamic_shape = True
"""Says to `deepmd_dp.dialect.array_api.shape` that sizes come from `shape` below."""


def shape(x: tf.Tensor) -> tuple[Size, ...]:
    """Sizes, as numbers where they are known."""
    known = x.shape.as_list()
    if None not in known:
        return tuple(known)
    sizes = tf.unstack(tf.shape(x))
    return tuple(sizes[axis] if size is None else size for axis, size in enumerate(known))


def device(x: tf.Tensor) -> None:
    """TensorFlow places arrays by itself."""
    del x


# new arrays; where they lie is TensorFlow's choice


def asarray(value: Any, dtype: Any = None, device: Any = None) -> tf.Tensor:
    """Python's numbers are float64 and int64, as with NumPy."""
    del device
    if isinstance(value, tf.Tensor):
        return value if dtype is None else tf.cast(value, dtype)
    return tf.constant(np.asarray(value, dtype=None if dtype is None else tf.as_dtype(dtype).as_numpy_dtype))


def arange(start: Size, stop: Size | None = None, step: Size = 1, *, dtype: Any = tf.int64) -> tf.Tensor:
    """Whole numbers as int64, unless another type is asked for."""
    first, last = (0, start) if stop is None else (start, stop)
    return tf.range(*(tf.cast(each, dtype) for each in (first, last, step)))


def full(size: Sizes, value: Any, *, dtype: Any = tf.float64, device: Any = None) -> tf.Tensor:
    del device
    return tf.fill(size if isinstance(size, tuple | list) else (size,), tf.constant(value, dtype))


def zeros(size: Sizes, *, dtype: Any = tf.float64, device: Any = None) -> tf.Tensor:
    return full(size, 0, dtype=dtype, device=device)


def ones(size: Sizes, *, dtype: Any = tf.float64, device: Any = None) -> tf.Tensor:
    return full(size, 1, dtype=dtype, device=device)


def full_like(x: tf.Tensor, value: Any) -> tf.Tensor:
    return full(shape(x), value, dtype=x.dtype)


def eye(nrows: Size, *, dtype: Any = tf.float64, device: Any = None) -> tf.Tensor:
    del device
    return tf.eye(nrows, dtype=dtype)


# element by element


def where(condition: tf.Tensor, x: Any, y: Any) -> tf.Tensor:
    """One of the two may be a number."""
    if not isinstance(x, tf.Tensor):
        x = tf.convert_to_tensor(x, y.dtype)
    return tf.where(condition, x, y)


def clip(x: tf.Tensor, min: Any = None, max: Any = None) -> tf.Tensor:
    x = x if min is None else tf.maximum(x, min)
    return x if max is None else tf.minimum(x, max)


# over an axis


def argsort(x: tf.Tensor, *, axis: int = -1, descending: bool = False) -> tf.Tensor:
    direction = "DESCENDING" if descending else "ASCENDING"
    return tf.cast(tf.argsort(x, axis=axis, direction=direction, stable=True), tf.int64)


def sort(x: tf.Tensor, *, axis: int = -1, descending: bool = False) -> tf.Tensor:
    return take_along_axis(x, argsort(x, axis=axis, descending=descending), axis=axis)


# arrangement


def concat(arrays: Sequence[tf.Tensor], *, axis: int = 0) -> tf.Tensor:
    return tf.concat(arrays, axis=axis)


def permute_dims(x: tf.Tensor, axes: Sequence[int]) -> tf.Tensor:
    return tf.transpose(x, axes)


def moveaxis(x: tf.Tensor, source: int, destination: int) -> tf.Tensor:
    order = list(range(x.shape.rank))
    order.insert(destination % x.shape.rank, order.pop(source))
    return tf.transpose(x, order)


def flip(x: tf.Tensor, *, axis: int) -> tf.Tensor:
    return tf.reverse(x, [axis])


# products


def matmul(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """tf.linalg.matmul; rows times one matrix as one product.

    TensorFlow would multiply batch by batch, and make as many gradients of the matrix.
    """
    if x.shape.rank == y.shape.rank or y.shape.rank != 2:
        return tf.linalg.matmul(x, y)
    lead = shape(x)[:-1]
    return tf.reshape(tf.linalg.matmul(tf.reshape(x, (-1, x.shape[-1])), y), (*lead, y.shape[1]))


def vecdot(x: tf.Tensor, y: tf.Tensor, *, axis: int = -1) -> tf.Tensor:
    return tf.reduce_sum(x * y, axis=axis)


# rows by their index


def take(x: tf.Tensor, indices: tf.Tensor, *, axis: int = 0) -> tf.Tensor:
    return tf.gather(x, indices, axis=axis) if axis % x.shape.rank else _take_rows(x, indices)


@tf.custom_gradient
def _take_rows(x: tf.Tensor, indices: tf.Tensor) -> tuple[tf.Tensor, Callable[..., Any]]:
    """tf.gather with a dense gradient: its own is sparse, and is made dense with a warning at the next operation."""
    return tf.gather(x, indices), lambda upstream: (add_rows(upstream, indices, shape(x)[0]), None)


def add_rows(x: tf.Tensor, indices: tf.Tensor, size: Size) -> tf.Tensor:
    """Sums rows by their index, out[indices[k]] += x[k]; out has `size` rows.

    TensorFlow's own derivative of it is a dozen operations, since it allows for negative indices.
    """

    @tf.custom_gradient
    def summed(x: tf.Tensor) -> tuple[tf.Tensor, Callable[..., Any]]:
        return tf.math.unsorted_segment_sum(x, indices, size), lambda upstream: _take_rows(upstream, indices)

    return summed(x)


def take_along_axis(x: tf.Tensor, indices: tf.Tensor, *, axis: int = -1) -> tf.Tensor:
    """The other axes have the same sizes in both arrays."""
    last = x.shape.rank - 1
    x, indices = moveaxis(x, axis, last), moveaxis(indices, axis, last)
    return moveaxis(tf.gather(x, indices, axis=last, batch_dims=last), last, axis)


array_api.register_namespace(tf.Tensor, sys.modules[__name__])
