# SPDX-License-Identifier: LGPL-3.0-or-later
"""The one derivative that TensorFlow is asked for: of scalars by the displacements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from deepmd_dp.dialect import ops
from deepmd_tf import namespace

if TYPE_CHECKING:
    from deepmd_dp.model.evaluate import Function, Vectors


def derivative(function: Function, edge_vec: Vectors) -> tuple[dict[str, tf.Tensor], list[Vectors]]:
    """See `deepmd_dp.model.evaluate.Derivative`; runs eagerly or traced, a tape around it can derive it again."""
    # persistent: the scalars are known, and counted, only when they have been computed
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(edge_vec)
        values, scalars = function(edge_vec)
    zero = tf.UnconnectedGradients.ZERO
    return values, [tuple(tape.gradient(scalar, edge_vec, unconnected_gradients=zero)) for scalar in scalars]


def _scatter_add(values: tf.Tensor, index: tf.Tensor, size: Any) -> tf.Tensor:
    """See `ops.scatter_add`; TensorFlow leaves negative indices out."""
    nframes, _, width = namespace.shape(values)
    first = tf.cast(tf.range(nframes) * size, index.dtype)[:, None]
    rows = tf.reshape(tf.where(index < 0, index, index + first), (-1,))
    summed = tf.math.unsorted_segment_sum(tf.reshape(values, (-1, width)), rows, nframes * size)
    return tf.reshape(summed, (nframes, size, width))


def _gather_rows(array: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """See `ops.gather_rows`."""
    return tf.gather(array, index, batch_dims=1)


ops.override("scatter_add", namespace, _scatter_add)
ops.override("gather_rows", namespace, _gather_rows)
