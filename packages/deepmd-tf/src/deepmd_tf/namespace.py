# SPDX-License-Identifier: LGPL-3.0-or-later
"""The Array API on TensorFlow, as far as the models use it; sizes may be unknown while a graph is built."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import tensorflow as tf

# same name and meaning in TensorFlow and in the standard
from tensorflow import (
    abs,
    broadcast_to,
    concat,
    equal,
    exp,
    not_equal,
    ones_like,
    reshape,
    sqrt,
    tanh,
    where,
    zeros_like,
)
from tensorflow.linalg import matrix_transpose
from tensorflow.math import log1p

from deepmd_dp.dialect import array_api

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "abs",
    "arange",
    "asarray",
    "astype",
    "broadcast_to",
    "concat",
    "cumulative_sum",
    "device",
    "dynamic_shape",
    "equal",
    "exp",
    "log1p",
    "matmul",
    "matrix_transpose",
    "max",
    "mean",
    "not_equal",
    "ones_like",
    "reshape",
    "shape",
    "sqrt",
    "sum",
    "take",
    "tanh",
    "where",
    "zeros_like",
]

Size = Any  # a number, or while a graph is built a scalar tensor

dynamic_shape = True
"""Says to `deepmd_dp.dialect.array_api.shape` that sizes come from `shape` below."""


def shape(x: tf.Tensor) -> tuple[Size, ...]:
    """Sizes, as numbers where they are known."""
    known = x.shape.as_list()
    if None not in known:
        return tuple(known)
    sizes = tf.unstack(tf.shape(x))
    return tuple(sizes[axis] if size is None else size for axis, size in enumerate(known))


def asarray(value: Any, dtype: Any = None, device: Any = None) -> tf.Tensor:
    """A constant; where it lies is TensorFlow's choice."""
    del device
    return tf.constant(value, dtype=dtype)


def astype(x: tf.Tensor, dtype: Any) -> tf.Tensor:
    return tf.cast(x, dtype)


def arange(stop: Size) -> tf.Tensor:
    return tf.range(tf.cast(stop, tf.int64))


def sum(x: tf.Tensor, *, axis: int | None = None, keepdims: bool = False) -> tf.Tensor:
    return tf.reduce_sum(x, axis=axis, keepdims=keepdims)


def mean(x: tf.Tensor, *, axis: int | None = None, keepdims: bool = False) -> tf.Tensor:
    return tf.reduce_mean(x, axis=axis, keepdims=keepdims)


def max(x: tf.Tensor, *, axis: int | None = None, keepdims: bool = False) -> tf.Tensor:
    return tf.reduce_max(x, axis=axis, keepdims=keepdims)


def cumulative_sum(x: tf.Tensor, *, axis: int) -> tf.Tensor:
    return tf.cumsum(x, axis=axis)


def matmul(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """tf.linalg.matmul; rows times one matrix as one product.

    TensorFlow would multiply batch by batch, and make as many gradients of the matrix.
    """
    if x.shape.rank == y.shape.rank or y.shape.rank != 2:
        return tf.linalg.matmul(x, y)
    lead = shape(x)[:-1]
    return tf.reshape(tf.linalg.matmul(tf.reshape(x, (-1, x.shape[-1])), y), (*lead, y.shape[1]))


def take(x: tf.Tensor, indices: tf.Tensor, *, axis: int = 0) -> tf.Tensor:
    if axis != 0:
        return tf.gather(x, indices, axis=axis)
    return _take_rows(x, indices)


@tf.custom_gradient
def _take_rows(x: tf.Tensor, indices: tf.Tensor) -> tuple[tf.Tensor, Callable[..., Any]]:
    """tf.gather with a dense gradient: its own is sparse, and is made dense with a warning at the next operation."""
    return tf.gather(x, indices), lambda upstream: (add_rows(upstream, indices, shape(x)[0]), None)


def add_rows(x: tf.Tensor, indices: tf.Tensor, size: Size) -> tf.Tensor:
    """Sums rows by their index, out[indices[k]] += x[k]; out has `size` rows.

    TensorFlow's own derivative of it is a dozen operations, since it allows for negative indices.
    """

    @tf.custom_gradient
    def add(x: tf.Tensor) -> tuple[tf.Tensor, Callable[..., Any]]:
        return tf.math.unsorted_segment_sum(x, indices, size), lambda upstream: _take_rows(upstream, indices)

    return add(x)


def device(x: tf.Tensor) -> None:
    """TensorFlow places arrays by itself."""
    del x


array_api.register_namespace(tf.Tensor, sys.modules[__name__])
