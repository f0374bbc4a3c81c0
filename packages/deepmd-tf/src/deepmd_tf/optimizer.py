# SPDX-License-Identifier: LGPL-3.0-or-later
"""Adam and AdamW by TensorFlow's fused operation, which gives the numbers of `deepmd_dp.kit.optimizer.Adam.step`.

A step of the benchmark's 0.9 million parameters takes 4 ms of one core so, 11 ms by `Adam.step` in a graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from deepmd_dp.kit.optimizer import EPSILON, Adam, read_moments, write_moments
from deepmd_tf.arrays import to_numpy

if TYPE_CHECKING:
    import numpy as np

    from deepmd_dp.kit.trainer import Gradients


class Optimizer:
    """Updates variables in place; each counts its own steps.

    Parameters
    ----------
    adam : Adam
        The settings.
    variables : dict of tf.Variable
        The parameters by path.
    moments : dict of np.ndarray
        Those of a checkpoint, named ``<slot>/<path>``; none: it starts anew.
    """

    def __init__(self, adam: Adam, variables: dict[str, tf.Variable], moments: dict[str, np.ndarray]) -> None:
        self._adam = adam
        self._variables = variables
        parameters = {path: to_numpy(variable) for path, variable in variables.items()}
        self._moments = read_moments(moments, parameters, tf.Variable)

    def update(self, gradients: Gradients, lr: tf.Tensor) -> None:
        """One step at the learning rate `lr` () float64; parameters without a gradient stay as they are."""
        if not gradients:
            return
        steps = tf.unstack(tf.stack([self._moments[path].step for path in gradients]) + 1.0)
        for (path, gradient), step in zip(gradients.items(), steps, strict=True):
            self._moments[path].step.assign(step)
            self._apply(path, gradient, step, lr)

    def _apply(self, path: str, gradient: tf.Tensor, step: tf.Tensor, lr: tf.Tensor) -> None:
        adam, variable, moments = self._adam, self._variables[path], self._moments[path]
        if adam.is_decoupled:
            variable.assign(variable * tf.cast(1.0 - lr * adam.weight_decay, variable.dtype))
        elif adam.weight_decay:
            gradient = gradient + adam.weight_decay * variable
        powers = adam.beta1**step, adam.beta2**step
        # TensorFlow adds its epsilon before the square root of the second moment is corrected for its start at
        # zero, the formula after that
        epsilon = EPSILON * tf.sqrt(1.0 - powers[1])
        numbers = {"beta1_power": powers[0], "beta2_power": powers[1], "lr": lr, "epsilon": epsilon}
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=moments.exp_avg.handle,
            v=moments.exp_avg_sq.handle,
            # not tf.cast, which would round these two to float32 first
            beta1=tf.constant(adam.beta1, variable.dtype),
            beta2=tf.constant(adam.beta2, variable.dtype),
            grad=gradient,
            **{name: tf.cast(number, variable.dtype) for name, number in numbers.items()},
        )

    def read_moments(self) -> dict[str, np.ndarray]:
        """The arrays of the parameters that have met a gradient, named ``<slot>/<path>``."""
        return write_moments(self._moments, to_numpy)
