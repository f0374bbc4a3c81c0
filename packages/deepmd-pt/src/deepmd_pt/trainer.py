# SPDX-License-Identifier: LGPL-3.0-or-later
"""A training step in torch."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from deepmd_dp.dialect.module import map_leaves, with_leaves
from deepmd_dp.kit.trainer import BaseTrainer, Prepared
from deepmd_pt import arrays, checkpoint
from deepmd_pt.derivative import energy_and_gradient
from deepmd_pt.optimizer import new_optimizer, read_moments, write_moments

if TYPE_CHECKING:
    import numpy as np

    from deepmd.train.trainer import TrainingState


class PyTorchTrainer(BaseTrainer):
    """Trains the leaves of a model as torch parameters, eagerly."""

    backend_name = "PyTorch"

    def set_up(self, optimizer: dict[str, np.ndarray]) -> None:
        constants = map_leaves(self._numpy_model, lambda _, array: arrays.from_numpy(array))
        self._parameters = {
            path: torch.nn.Parameter(arrays.from_numpy(array)) for path, array in self.trained_leaves().items()
        }
        self._model = with_leaves(constants, self._parameters)
        self._optimizer = new_optimizer(self._config.get("optimizer", {}), self._parameters)
        write_moments(self._optimizer, self._parameters, optimizer)
        self._max_norm = self._config["training"].get("gradient_max_norm", 0.0)

    def from_numpy(self, array: np.ndarray) -> torch.Tensor:
        return arrays.from_numpy(array)

    def parameters(self) -> dict[str, np.ndarray]:
        return {path: arrays.to_numpy(parameter).copy() for path, parameter in self._parameters.items()}

    def moments(self) -> dict[str, np.ndarray]:
        return {name: value.copy() for name, value in read_moments(self._optimizer, self._parameters).items()}

    def step(self, prepared: Prepared, lr: float) -> dict[str, float]:
        loss, metrics = self._loss_of(prepared, lr)
        values = _as_floats(loss, metrics)
        if torch.isfinite(loss):
            self._update(loss, lr)
        return values

    def evaluate(self, prepared: Prepared, lr: float) -> dict[str, float]:
        loss, metrics = self._loss_of(prepared, lr, create_graph=False)
        return _as_floats(loss, metrics)

    def _loss_of(self, prepared: Prepared, lr: float, create_graph: bool = True) -> tuple[torch.Tensor, dict[str, Any]]:
        return self.loss_and_metrics(self._model, prepared, lr, partial(energy_and_gradient, create_graph=create_graph))

    def _update(self, loss: torch.Tensor, lr: float) -> None:
        parameters = list(self._parameters.values())
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        if self._max_norm > 0.0:
            torch.nn.utils.clip_grad_norm_(parameters, self._max_norm)
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        self._optimizer.step()

    @classmethod
    def write_checkpoint(cls, path: str, state: TrainingState) -> None:
        checkpoint.write(path, state)

    @classmethod
    def read_checkpoint(cls, path: str) -> TrainingState:
        return checkpoint.read(path)

    @property
    def device(self) -> str:
        return arrays.device_name()


def _as_floats(loss: torch.Tensor, metrics: dict[str, Any]) -> dict[str, float]:
    """All figures in one transfer from the device."""
    names = ["loss", "rmse", *metrics]
    values = [loss, loss.sqrt(), *metrics.values()]
    stacked = torch.stack([torch.as_tensor(v, dtype=torch.float64, device=loss.device).detach() for v in values])
    return dict(zip(names, stacked.tolist(), strict=True))
