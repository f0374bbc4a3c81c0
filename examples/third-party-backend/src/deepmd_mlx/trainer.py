# SPDX-License-Identifier: LGPL-3.0-or-later
"""A training step in MLX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from deepmd_dp.dialect.module import map_leaves, with_leaves
from deepmd_dp.kit.optimizer import Adam
from deepmd_dp.kit.trainer import BaseTrainer, Prepared
from deepmd_mlx import arrays
from deepmd_mlx.derivative import energy_and_gradient

if TYPE_CHECKING:
    import numpy as np


Arrays = dict[str, mx.array]


class MLXTrainer(BaseTrainer):
    """Trains the leaves of a model as a dict of arrays."""

    backend_name = "MLX"

    def set_up(self, optimizer: dict[str, np.ndarray]) -> None:
        self._model = map_leaves(self._numpy_model, lambda _, array: self.from_numpy(array))
        self._parameters = {path: self.from_numpy(array) for path, array in self.trained_leaves().items()}
        self._adam = Adam(self._config, {name: self.from_numpy(array) for name, array in optimizer.items()})

    def from_numpy(self, array: np.ndarray) -> mx.array:
        return arrays.from_numpy(array)

    def parameters(self) -> dict[str, np.ndarray]:
        return {path: arrays.to_numpy(array) for path, array in self._parameters.items()}

    def moments(self) -> dict[str, np.ndarray]:
        return {name: arrays.to_numpy(array) for name, array in self._adam.moments.items()}

    def step(self, prepared: Prepared, lr: float) -> dict[str, float]:
        (loss, metrics), gradients = mx.value_and_grad(self._loss_of)(self._parameters, prepared, lr)
        if mx.isfinite(loss):
            self._parameters = self._adam.update(self._parameters, gradients, lr)
            mx.eval(self._parameters, self._adam.moments)
        return _as_floats(loss, metrics)

    def evaluate(self, prepared: Prepared, lr: float) -> dict[str, float]:
        return _as_floats(*self._loss_of(self._parameters, prepared, lr))

    def _loss_of(self, parameters: Arrays, prepared: Prepared, lr: float) -> tuple[mx.array, Arrays]:
        model = with_leaves(self._model, parameters)
        return self.loss_and_metrics(model, prepared, lr, energy_and_gradient)

    @property
    def device(self) -> str:
        return "cpu"


def _as_floats(loss: mx.array, metrics: dict[str, Any]) -> dict[str, float]:
    values = {"loss": loss, "rmse": mx.sqrt(loss), **metrics}
    return {name: float(value) for name, value in values.items()}
