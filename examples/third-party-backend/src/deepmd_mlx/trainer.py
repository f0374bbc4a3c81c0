# SPDX-License-Identifier: LGPL-3.0-or-later
"""A training step in MLX."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlx.core as mx

from deepmd_dp.dialect.module import map_leaves, with_leaves
from deepmd_dp.kit.optimizer import Adam, read_moments, write_moments
from deepmd_dp.kit.trainer import BaseTrainer, Prepared
from deepmd_mlx import arrays
from deepmd_mlx.derivative import derivative

if TYPE_CHECKING:
    import numpy as np


Arrays = dict[str, mx.array]


class MLXTrainer(BaseTrainer):
    """Trains the leaves of a model as a dict of arrays."""

    backend_name = "MLX"

    def set_up(self, optimizer: dict[str, np.ndarray]) -> None:
        trained = self.trained_leaves()
        self._adam = Adam.from_input(self._config)
        self._parameters = {path: self.from_numpy(array) for path, array in trained.items()}
        self._moments = read_moments(optimizer, trained, self.from_numpy)
        self.rebuild()

    def rebuild(self) -> None:
        self._model = map_leaves(self._numpy_model, lambda _, array: self.from_numpy(array))

    def from_numpy(self, array: np.ndarray) -> mx.array:
        return arrays.from_numpy(array)

    def parameters(self) -> dict[str, np.ndarray]:
        return {path: arrays.to_numpy(array) for path, array in self._parameters.items()}

    def moments(self) -> dict[str, np.ndarray]:
        return write_moments(self._moments, arrays.to_numpy)

    def gradients(self, prepared: Prepared, lr: float) -> tuple[dict[str, float], Arrays]:
        (loss, metrics), gradients = mx.value_and_grad(self._loss_of)(self._parameters, prepared, lr)
        return _as_floats(loss, metrics), gradients

    def apply(self, gradients: Arrays, lr: float) -> None:
        for path, gradient in gradients.items():
            stepped = self._adam.step(self._parameters[path], gradient, self._moments[path], lr)
            self._parameters[path], self._moments[path] = stepped
        mx.eval(self._parameters, self._moments)

    def metrics(self, prepared: Prepared, lr: float) -> dict[str, float]:
        return _as_floats(*self._loss_of(self._parameters, prepared, lr))

    def _loss_of(self, parameters: Arrays, prepared: Prepared, lr: float) -> tuple[mx.array, Arrays]:
        return self.loss_and_metrics(with_leaves(self._model, parameters), prepared, lr, derivative)

    @property
    def device(self) -> str:
        return "cpu"


def _as_floats(loss: mx.array, metrics: Arrays) -> dict[str, float]:
    values = {"loss": loss, "rmse": mx.sqrt(loss), **metrics}
    return {name: float(value) for name, value in values.items()}
