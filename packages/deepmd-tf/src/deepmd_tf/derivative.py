# SPDX-License-Identifier: LGPL-3.0-or-later
"""The one derivative that TensorFlow is asked for: of scalars by the displacements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

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
