# SPDX-License-Identifier: LGPL-3.0-or-later
"""Training by two graphs of TensorFlow: the gradients of a batch's loss, and the optimiser's step."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from deepmd_dp.dialect.module import leaves, map_leaves, with_leaves
from deepmd_dp.kit import kernels
from deepmd_dp.kit.optimizer import Adam
from deepmd_dp.kit.trainer import BaseTrainer, Prepared
from deepmd_tf import arrays, checkpoint
from deepmd_tf.derivative import derivative
from deepmd_tf.device import gpus
from deepmd_tf.optimizer import Optimizer

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from deepmd.train.trainer import TrainingState
    from deepmd_dp.kit.trainer import Gradients

    Tensors = dict[str, dict[str, tf.Tensor]]
    Metrics = dict[str, tf.Tensor]


class TensorFlowTrainer(BaseTrainer):
    """Trains the leaves of a model as variables, by graphs whose sizes are left open.

    There is a graph for each set of labels that batches come with, traced at the first of them.
    """

    backend_name = breaks_on_fork = "TensorFlow"

    def set_up(self, optimizer: dict[str, np.ndarray]) -> None:
        arrays.gpus()
        adam = Adam.from_input(self._config)
        self._variables = {path: tf.Variable(array) for path, array in self.trained_leaves().items()}
        self._optimizer = Optimizer(adam, self._variables, optimizer)
        self._update = tf.function(self._optimizer.update, autograph=False)
        self._graphs: dict[tuple[Any, ...], Callable[..., Any]] = {}

    def rebuild(self) -> None:
        self._graphs = {}

    def from_numpy(self, array: np.ndarray) -> tf.Tensor:
        return arrays.from_numpy(array)

    def parameters(self) -> dict[str, np.ndarray]:
        return {path: arrays.to_numpy(variable) for path, variable in self._variables.items()}

    def moments(self) -> dict[str, np.ndarray]:
        return self._optimizer.read_moments()

    def gradients(self, prepared: Prepared, lr: float) -> tuple[dict[str, float], Gradients]:
        metrics, gradients = self._run(self._gradients_of, prepared, lr)
        return _numbers(metrics), gradients

    def apply(self, gradients: Gradients, lr: float) -> None:
        self._update(gradients, tf.constant(lr, tf.float64))

    def metrics(self, prepared: Prepared, lr: float) -> dict[str, float]:
        return _numbers(self._run(self._metrics_of, prepared, lr))

    def _run(self, function: Callable[..., Any], prepared: Prepared, lr: float) -> Any:
        """Runs the graph of a function of a batch and the learning rate."""
        tensors = _tensors(prepared)
        key = function.__name__, *prepared.found.items(), *((k, x.shape[-1]) for k, x in prepared.labels.items())
        if key not in self._graphs:
            self._graphs[key] = self._compile(function, prepared, tensors)
        return self._graphs[key](tensors, tf.constant(lr, tf.float64))

    def _compile(self, function: Callable[..., Any], example: Prepared, tensors: Tensors) -> Callable[..., Any]:
        specs = tf.nest.map_structure(lambda x: tf.TensorSpec(_open_shape(x), x.dtype), tensors)

        def run(tensors: Tensors, lr: tf.Tensor) -> Any:
            batch = Prepared(with_leaves(example.env, tensors["env"]), tensors["labels"], example.found)
            with nullcontext() if gpus() else kernels.in_graphs():
                return function(batch, lr)

        signature = [specs, tf.TensorSpec((), tf.float64)]
        return tf.function(run, input_signature=signature, autograph=False)

    def _gradients_of(self, batch: Prepared, lr: tf.Tensor) -> tuple[Metrics, Gradients]:
        parameters = self._read()
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(parameters)
            metrics = self._loss_of(batch, lr, parameters)
        found = tape.gradient(metrics["loss"], parameters)
        return metrics, {path: gradient for path, gradient in found.items() if gradient is not None}

    def _metrics_of(self, batch: Prepared, lr: tf.Tensor) -> Metrics:
        return self._loss_of(batch, lr, self._read())

    def _read(self) -> dict[str, tf.Tensor]:
        return {path: tf.convert_to_tensor(variable) for path, variable in self._variables.items()}

    def _loss_of(self, batch: Prepared, lr: tf.Tensor, parameters: dict[str, tf.Tensor]) -> Metrics:
        model = map_leaves(
            self._numpy_model, lambda path, array: parameters[path] if path in parameters else tf.constant(array)
        )
        loss, metrics = self.loss_and_metrics(model, batch, lr, derivative)
        return {"loss": loss, "rmse": tf.sqrt(loss), **metrics}

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


def _open_shape(tensor: tf.Tensor) -> list[int | None]:
    """The shape of such tensors in a graph that takes any number of frames, atoms and neighbors.

    Integers are lists and indices. Other numbers end in an axis of components.
    """
    rank = tensor.shape.rank
    return [None] * rank if tensor.dtype.is_integer or not rank else [*[None] * (rank - 1), tensor.shape[-1]]


def _numbers(metrics: Metrics) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items()}
