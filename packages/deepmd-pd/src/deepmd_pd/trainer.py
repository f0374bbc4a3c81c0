# SPDX-License-Identifier: LGPL-3.0-or-later
"""A training step in paddle."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from deepmd.errors import ModelFileError
from deepmd_dp.dialect.module import map_leaves, with_leaves
from deepmd_dp.kit.optimizer import Adam
from deepmd_dp.kit.trainer import BaseTrainer, Prepared
from deepmd_pd import arrays
from deepmd_pd.derivative import energy_and_gradient, gradients_by
from deepmd_pd.framework import paddle
from deepmd_pd.frozen import is_frozen

if TYPE_CHECKING:
    import numpy as np
    from paddle import Tensor

    from deepmd.train.trainer import TrainingState


class PaddleTrainer(BaseTrainer):
    """Trains the leaves of a model as tensors of paddle, in dynamic mode."""

    backend_name = "Paddle"

    def set_up(self, optimizer: dict[str, np.ndarray]) -> None:
        moments = {name: arrays.from_numpy(array) for name, array in optimizer.items()}
        self._optimizer = Adam(self._config, moments)
        self._model = map_leaves(self._numpy_model, lambda _, array: arrays.from_numpy(array))
        self._use({path: arrays.from_numpy(array) for path, array in self.trained_leaves().items()})

    def _use(self, parameters: dict[str, Tensor]) -> None:
        """Makes the model's trained leaves these."""
        for parameter in parameters.values():
            parameter.stop_gradient = False
        self._parameters = parameters
        self._model = with_leaves(self._model, parameters)

    def from_numpy(self, array: np.ndarray) -> Tensor:
        return arrays.from_numpy(array)

    def parameters(self) -> dict[str, np.ndarray]:
        return {path: arrays.to_numpy(parameter) for path, parameter in self._parameters.items()}

    def moments(self) -> dict[str, np.ndarray]:
        return {name: arrays.to_numpy(array) for name, array in self._optimizer.moments.items()}

    def step(self, prepared: Prepared, lr: float) -> dict[str, float]:
        loss, metrics = self._loss_of(prepared, lr)
        values = _as_floats(loss, metrics)
        if math.isfinite(values["loss"]):
            self._update(loss, prepared, lr)
        return values

    def evaluate(self, prepared: Prepared, lr: float) -> dict[str, float]:
        return _as_floats(*self._loss_of(prepared, lr, create_graph=False))

    def _loss_of(self, prepared: Prepared, lr: float, create_graph: bool = True) -> tuple[Tensor, dict[str, Any]]:
        return self.loss_and_metrics(self._model, prepared, lr, partial(energy_and_gradient, create_graph=create_graph))

    def _update(self, loss: Tensor, prepared: Prepared, lr: float) -> None:
        gradients = gradients_by(self._parameters, loss, prepared.env)
        with paddle.no_grad():
            parameters = self._optimizer.update(self._parameters, gradients, lr)
        self._use(parameters)

    @classmethod
    def read_checkpoint(cls, path: str) -> TrainingState:
        if is_frozen(path):
            raise ModelFileError(f"{path} is a frozen model, not a checkpoint; give the .pd file of a training.")
        return super().read_checkpoint(path)

    @property
    def device(self) -> str:
        return arrays.device_name()


def _as_floats(loss: Tensor, metrics: dict[str, Any]) -> dict[str, float]:
    """All figures in one transfer from the device."""
    names = ["loss", "rmse", *metrics]
    values = [loss, paddle.sqrt(loss), *metrics.values()]
    stacked = paddle.stack([value.detach().astype("float64") for value in values])
    return dict(zip(names, stacked.tolist(), strict=True))
