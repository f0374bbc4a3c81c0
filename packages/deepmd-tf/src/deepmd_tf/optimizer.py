# SPDX-License-Identifier: LGPL-3.0-or-later
"""Optimisers of the input's section ``optimizer``, with their moments under the parameters' paths."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from deepmd.errors import InputError
from deepmd_tf.arrays import to_numpy

_KINDS = ("Adam", "AdamW")
_EPSILON = 1e-8

Gradients = dict[str, "tf.Tensor | None"]


class Optimizer:
    """Adam, or AdamW whose weight decay does not go through the moments; each parameter counts its own steps.

    Parameters
    ----------
    section : dict
        The input's section ``optimizer``.
    variables : dict of tf.Variable
        The parameters by path, updated in place.

    Raises
    ------
    InputError
        The optimiser is not one that this backend offers.

    References
    ----------
    Kingma & Ba, ICLR 2015 (arXiv:1412.6980), algorithm 1; Loshchilov & Hutter, ICLR 2019 (arXiv:1711.05101).
    """

    def __init__(self, section: dict[str, Any], variables: dict[str, tf.Variable]) -> None:
        kind = section.get("type", "Adam")
        if kind not in _KINDS:
            raise InputError(f"optimizer.type {kind!r} is not supported by --tf; expected one of {', '.join(_KINDS)}.")
        self._is_decoupled = kind == "AdamW"
        self._betas = section.get("adam_beta1", 0.9), section.get("adam_beta2", 0.999)
        self._decay = section.get("weight_decay", 0.0)
        self._variables = variables
        self._moments = {
            slot: {path: tf.Variable(tf.zeros_like(each)) for path, each in variables.items()}
            for slot in ("exp_avg", "exp_avg_sq")
        }
        self._steps = tf.Variable(np.zeros(len(variables)))

    def update(self, gradients: Gradients, lr: tf.Tensor) -> None:
        """One step at the learning rate `lr`; parameters without a gradient stay as they are."""
        met = np.array([gradients[path] is not None for path in self._variables], dtype=np.float64)
        steps = tf.unstack(self._steps.assign_add(met), num=len(met))
        for (path, variable), step in zip(self._variables.items(), steps, strict=True):
            if gradients[path] is not None:
                self._apply(path, variable, gradients[path], step, lr)

    def _apply(self, path: str, variable: tf.Variable, gradient: tf.Tensor, step: tf.Tensor, lr: tf.Tensor) -> None:
        if self._decay and self._is_decoupled:
            variable.assign(variable * tf.cast(1.0 - lr * self._decay, variable.dtype))
        elif self._decay:
            gradient = gradient + self._decay * variable
        powers = [beta**step for beta in self._betas]
        # TensorFlow adds its epsilon before the square root of the second moment is corrected for its start at
        # zero, torch adds it after that
        epsilon = _EPSILON * tf.sqrt(1.0 - powers[1])
        numbers = {"beta1_power": powers[0], "beta2_power": powers[1], "lr": lr, "epsilon": epsilon}
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._moments["exp_avg"][path].handle,
            v=self._moments["exp_avg_sq"][path].handle,
            # not tf.cast, which would round these two to float32 first
            beta1=tf.constant(self._betas[0], variable.dtype),
            beta2=tf.constant(self._betas[1], variable.dtype),
            grad=gradient,
            **{name: tf.cast(number, variable.dtype) for name, number in numbers.items()},
        )

    def read_moments(self) -> dict[str, np.ndarray]:
        """The arrays of the parameters that have been updated, named ``<slot>/<path>``."""
        steps = dict(zip(self._variables, to_numpy(self._steps), strict=True))
        moments = {}
        for path, step in steps.items():
            if step > 0:
                # torch counts in single precision, and a checkpoint may go on there
                moments[f"step/{path}"] = np.array(step, dtype=np.float32)
                moments |= {f"{slot}/{path}": to_numpy(each[path]) for slot, each in self._moments.items()}
        return moments

    def write_moments(self, moments: dict[str, np.ndarray]) -> None:
        """Takes what `read_moments` of any backend gave; those of other parameters are passed over."""
        paths = list(self._variables)
        self._steps.assign([float(moments.get(f"step/{path}", 0.0)) for path in paths])
        for slot, variables in self._moments.items():
            for path, variable in variables.items():
                if f"{slot}/{path}" in moments:
                    variable.assign(moments[f"{slot}/{path}"])


def clip(gradients: Gradients, max_norm: float) -> Gradients:
    """The gradients scaled to a common norm of at most `max_norm`, all of them by the same factor."""
    squares = [tf.cast(tf.reduce_sum(each * each), tf.float64) for each in gradients.values() if each is not None]
    norm = tf.sqrt(sum(squares, start=tf.zeros((), tf.float64)))
    factor = tf.minimum(tf.ones_like(norm), max_norm / (norm + 1e-6))
    return {path: None if each is None else each * tf.cast(factor, each.dtype) for path, each in gradients.items()}
