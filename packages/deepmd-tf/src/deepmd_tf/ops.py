# SPDX-License-Identifier: LGPL-3.0-or-later
"""Operations of `deepmd_dp.dialect.ops` on fused kernels, where a graph for training is built and its tensors allow it."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from deepmd_dp.dialect import ops as plain_ops
from deepmd_dp.kit import kernels
from deepmd_tf import arrays, namespace
from deepmd_tf.embedding_moments import moments
from deepmd_tf.kernel_library import load_library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_is_allowed = ContextVar("fused kernels are allowed", default=False)


@contextmanager
def fused_kernels() -> Iterator[None]:
    """Graphs built in this block may use the kernels; others may not, as frozen files must run without our library."""
    token = _is_allowed.set(True)
    try:
        yield
    finally:
        _is_allowed.reset(token)


def embedding_moments(x: tf.Tensor, r: tf.Tensor, weights: tf.Tensor, layers: Sequence[Any]) -> tf.Tensor:
    """Moments of an atom's embedded neighbors, (R w)ᵀ G with G the embedding net of x.

    Neighbors of weight 0 at the end of an atom's list are not worked on at all.

    Parameters
    ----------
    x : tf.Tensor, (natoms, nnei, nin)
        The first component is the one that forces go through.
    r : tf.Tensor, (natoms, nnei, nr)
    weights : tf.Tensor, (natoms, nnei, 1)
        0: not a neighbor. Fused, they are constants.
    layers : sequence of objects with w, b, idt, activation_function, resnet

    Returns
    -------
    tf.Tensor, (natoms, nr, nout)
    """
    if not is_fused(x, layers):
        return plain_ops.embedding_moments.plain(x, r, weights, layers)
    spec, params = kernels.flatten_layers(layers)
    weights = _constant(weights)
    return moments(x, r * weights, _count(weights[:, :, 0]), params, spec)


def is_fused(x: tf.Tensor, layers: Sequence[Any]) -> bool:
    """Whether `embedding_moments` runs on the fused kernels."""
    arrays_of_layers = [a for each in layers for a in (each.w, each.b, each.idt) if a is not None]
    return (
        _is_allowed.get()
        # eagerly TensorFlow would compute all parts of a derivative, those that nothing needs as well
        and not tf.executing_eagerly()
        and kernels.are_wanted()
        and kernels.know(layers)
        and x.shape.rank == 3
        and x.shape[2] == 1
        and x.dtype in (tf.float64, tf.float32)
        and all(a.dtype == x.dtype for a in arrays_of_layers)
        and not arrays.gpus()
        and load_library() is not None
    )


def _count(weights: tf.Tensor) -> tf.Tensor:
    """Up to where an atom's neighbors have a weight other than 0, (natoms,)."""
    number = tf.range(1, namespace.shape(weights)[1] + 1, dtype=tf.int32)
    counted = tf.where(tf.not_equal(weights, 0.0), number, 0)
    return tf.reduce_max(tf.pad(counted, [[0, 0], [0, 1]]), axis=1)  # padded: there may be no neighbor at all


@tf.custom_gradient
def _constant(weights: tf.Tensor) -> tuple[tf.Tensor, Callable[..., Any]]:
    """The weights; the kernels leave neighbors of weight 0 out, whose derivative by the weight would be missing."""

    def refuse(_: tf.Tensor) -> None:
        raise NotImplementedError("the fused embedding_moments has no derivative by the weights; set DP_PLAIN_OPS=1.")

    return tf.identity(weights), refuse


plain_ops.override("embedding_moments", namespace, embedding_moments)
