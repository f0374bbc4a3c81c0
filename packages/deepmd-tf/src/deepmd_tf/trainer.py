# SPDX-License-Identifier: LGPL-3.0-or-later
"""A training step as one graph of TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from deepmd_dp.dialect.module import leaves, map_leaves, with_leaves
from deepmd_dp.kit.trainer import BaseTrainer, Prepared
from deepmd_tf import arrays, checkpoint
from deepmd_tf.derivative import energy_and_gradient
from deepmd_tf.ops import fused_kernels
from deepmd_tf.optimizer import Gradients, Optimizer, clip

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from deepmd.train.trainer import TrainingState

    Tensors = dict[str, dict[str, tf.Tensor]]


class TensorFlowTrainer(BaseTrainer):
    """Trains the leaves of a model as variables, by graphs whose sizes are left open.

    There is a graph for each set of labels that batches come with, traced at the first of them.
    """

    backend_name = "TensorFlow"

    def set_up(self, optimizer: dict[str, np.ndarray]) -> None:
        arrays.gpus()
        self._variables = {path: tf.Variable(array) for path, array in self.trained_leaves().items()}
        self._optimizer = Optimizer(self._config.get("optimizer", {}), self._variables)
        self._optimizer.write_moments(optimizer)
        self._max_norm = self._config["training"].get("gradient_max_norm", 0.0)
        self._graphs: dict[tuple[Any, ...], Callable[..., dict[str, tf.Tensor]]] = {}

    def from_numpy(self, array: np.ndarray) -> tf.Tensor:
        return arrays.from_numpy(array)

    def parameters(self) -> dict[str, np.ndarray]:
        return {path: arrays.to_numpy(variable) for path, variable in self._variables.items()}

    def moments(self) -> dict[str, np.ndarray]:
        return self._optimizer.read_moments()

    def step(self, prepared: Prepared, lr: float) -> dict[str, float]:
        return self._run(self._step, prepared, lr)

    def evaluate(self, prepared: Prepared, lr: float) -> dict[str, float]:
        return self._run(self._metrics, prepared, lr)

    def _run(self, function: Callable[..., Any], prepared: Prepared, lr: float) -> dict[str, float]:
        """Runs the graph of a function of a batch."""
        tensors = _tensors(prepared)
        key = function.__name__, tuple(prepared.found.items()), tuple(prepared.labels)
        if key not in self._graphs:
            self._graphs[key] = self._compile(function, prepared, tensors)
        metrics = self._graphs[key](tensors, tf.constant(lr, tf.float64))
        return {name: float(value) for name, value in metrics.items()}

    def _compile(self, function: Callable[..., Any], example: Prepared, tensors: Tensors) -> Callable[..., Any]:
        specs = tf.nest.map_structure(lambda x: tf.TensorSpec(arrays.open_shape(x), x.dtype), tensors)

        def run(tensors: Tensors, lr: tf.Tensor) -> dict[str, tf.Tensor]:
            batch = Prepared(with_leaves(example.env, tensors["env"]), tensors["labels"], example.found)
            with fused_kernels():
                return function(batch, lr)

        signature = [specs, tf.TensorSpec((), tf.float64)]
        return tf.function(run, input_signature=signature, autograph=False)

    def _metrics(self, batch: Prepared, lr: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._loss_of(batch, lr, self._read())

    def _step(self, batch: Prepared, lr: tf.Tensor) -> dict[str, tf.Tensor]:
        parameters = self._read()
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(parameters)
            metrics = self._loss_of(batch, lr, parameters)
        gradients = tape.gradient(metrics["loss"], parameters)
        tf.cond(
            tf.math.is_finite(metrics["loss"]),
            lambda: self._update(gradients, lr),
            lambda: None,
        )
        return metrics

    def _read(self) -> dict[str, tf.Tensor]:
        return {path: tf.convert_to_tensor(variable) for path, variable in self._variables.items()}

    def _loss_of(self, batch: Prepared, lr: tf.Tensor, parameters: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        model = map_leaves(
            self._numpy_model, lambda path, array: parameters[path] if path in parameters else tf.constant(array)
        )
        loss, metrics = self.loss_and_metrics(model, batch, lr, energy_and_gradient)
        return {"loss": loss, "rmse": tf.sqrt(loss), **metrics}

    def _update(self, gradients: Gradients, lr: tf.Tensor) -> None:
        if self._max_norm > 0.0:
            gradients = clip(gradients, self._max_norm)
        self._optimizer.update(gradients, lr)

    @classmethod
    def write_checkpoint(cls, path: str, state: TrainingState) -> None:
        checkpoint.write(path, state)

    @classmethod
    def read_checkpoint(cls, path: str) -> TrainingState:
        return checkpoint.read(path)

    @property
    def device(self) -> str:
        return arrays.device_name()


def _tensors(prepared: Prepared) -> Tensors:
    """A batch's arrays by name, as a graph takes them."""
    return {"env": {leaf.path: leaf.array for leaf in leaves(prepared.env)}, "labels": prepared.labels}
