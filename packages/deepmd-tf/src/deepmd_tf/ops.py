# SPDX-License-Identifier: LGPL-3.0-or-later
"""Operations of `deepmd_dp.dialect.ops` in forms that suit TensorFlow, and on kernels in graphs that may use them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from deepmd_dp.dialect import ops as plain_ops
from deepmd_dp.kit import kernels, moments_call, row_operations
from deepmd_tf import namespace
from deepmd_tf.kernel_library import load_library
from deepmd_tf.moments import moments


def register_ops() -> None:
    """Make the models run on these, wherever they run on tensors."""
    own = row_operations.overrides(tf.custom_gradient) | moments_call.overrides(moments, can_run)
    own |= {"outer_products": plain_ops.outer_products_by_matmul, "split_switched": lambda a: tf.unstack(a, axis=1)}
    own |= {"scatter_add": scatter_add, "gather_rows": gather_rows}
    own["matmul_transposed"] = lambda x, y: tf.linalg.matmul(x, y, transpose_b=True)
    for name, operation in own.items():
        plain_ops.override(name, namespace, operation)


def scatter_add(values: tf.Tensor, index: tf.Tensor, size: Any) -> tf.Tensor:
    """See `deepmd_dp.dialect.ops.scatter_add`; TensorFlow leaves negative indices out."""
    nframes, _, width = namespace.shape(values)
    first = tf.cast(tf.range(nframes) * size, index.dtype)[:, None]
    rows = tf.reshape(tf.where(index < 0, index, index + first), (-1,))
    summed = tf.math.unsorted_segment_sum(tf.reshape(values, (-1, width)), rows, nframes * size)
    return tf.reshape(summed, (nframes, size, width))


def gather_rows(array: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """See `deepmd_dp.dialect.ops.gather_rows`."""
    return tf.gather(array, index, batch_dims=1)


def can_run(derived: tuple[tf.Tensor, ...], fixed: tuple[tf.Tensor, ...]) -> bool:
    """Whether the kernels can run on these: in a graph that may use them, of known types."""
    return (
        kernels.are_wanted_in_graphs()
        # eagerly TensorFlow would compute all parts of a derivative, those that nothing needs as well
        and not tf.executing_eagerly()
        and moments_call.are_types_known([each.dtype.name for each in (*derived, *fixed)], len(derived))
        and load_library() is not None
    )
