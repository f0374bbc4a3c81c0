# SPDX-License-Identifier: LGPL-3.0-or-later
"""A training step in paddle."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from deepmd_dp.dialect.module import map_leaves, with_leaves
from deepmd_dp.kit.trainer import BaseTrainer, Prepared
from deepmd_pd import arrays
from deepmd_pd.derivative import derivative, gradients_by
from deepmd_pd.framework import paddle
from deepmd_pd.optimizer import Optimizer

if TYPE_CHECKING:
    import numpy as np
    from paddle import Tensor


class PaddleTrainer(BaseTrainer):
    """Trains the leaves of a model as tensors of paddle, in dynamic mode."""

    backend_name = breaks_on_fork = "Paddle"
    derives_thrice = False
    from_numpy = staticmethod(arrays.from_numpy)

    def set_up(self, optimizer: dict[str, np.ndarray]) -> None:
        trained = self.trained_leaves()
        self._optimizer = Optimizer(self._config, optimizer, trained)
        self._parameters = {path: arrays.from_numpy(array) for path, array in trained.items()}
        for parameter in self._parameters.values():
            parameter.stop_gradient = False
        self.rebuild()

    def rebuild(self) -> None:
        constants = map_leaves(self._numpy_model, lambda _, array: arrays.from_numpy(array))
        self._model = with_leaves(constants, self._parameters)

    def parameters(self) -> dict[str, np.ndarray]:
        return {path: arrays.to_numpy(parameter) for path, parameter in self._parameters.items()}

    def moments(self) -> dict[str, np.ndarray]:
        return self._optimizer.moments()

    def gradients(self, prepared: Prepared, lr: float) -> tuple[dict[str, float], dict[str, Tensor]]:
        loss, metrics = self._loss_of(prepared, lr, create_graph=True)
        return _as_floats(loss, metrics), gradients_by(self._parameters, loss, prepared.env)

    def apply(self, gradients: dict[str, Tensor], lr: float) -> None:
        self._optimizer.step(self._parameters, gradients, lr)

    def metrics(self, prepared: Prepared, lr: float) -> dict[str, float]:
        return _as_floats(*self._loss_of(prepared, lr, create_graph=False))

    def _loss_of(self, prepared: Prepared, lr: float, *, create_graph: bool) -> tuple[Tensor, dict[str, Tensor]]:
        return self.loss_and_metrics(self._model, prepared, lr, partial(derivative, create_graph=create_graph))

    @property
    def device(self) -> str:
        return arrays.device_name()


def _as_floats(loss: Tensor, metrics: dict[str, Tensor]) -> dict[str, float]:
    """All metrics in one transfer from the device."""
    names = ["loss", "rmse", *metrics]
    values = [loss, paddle.sqrt(loss), *metrics.values()]
    stacked = paddle.stack([value.detach().astype("float64") for value in values])
    return dict(zip(names, stacked.tolist(), strict=True))
