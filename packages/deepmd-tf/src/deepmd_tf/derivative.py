# SPDX-License-Identifier: LGPL-3.0-or-later
"""The one derivative that TensorFlow is asked for: of the energy by the displacements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

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
