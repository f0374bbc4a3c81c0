# SPDX-License-Identifier: LGPL-3.0-or-later
"""The one derivative that TensorFlow is asked for: of the energy by the displacements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from deepmd_dp.dialect import ops
from deepmd_tf import namespace

if TYPE_CHECKING:
    from deepmd_dp.environment.environment import Environment


def energy_and_gradient(
    model: Any, env: Environment, fparam: tf.Tensor | None, aparam: tf.Tensor | None
) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
    """Atomic energies (nframes, nloc, 1) [eV] and g = dE/d(edge_vec), block by block [eV/Å].

    Both can be differentiated again by a tape around the call.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(env.edge_vec)
        energy = model(env, fparam, aparam)
    gradient = tape.gradient(energy, env.edge_vec, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return energy, tuple(gradient)


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
