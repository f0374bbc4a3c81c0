# SPDX-License-Identifier: LGPL-3.0-or-later
"""A training step in torch."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch

from deepmd_dp.dialect.module import map_leaves, with_leaves
from deepmd_dp.kit.trainer import BaseTrainer, Prepared
from deepmd_pt import arrays, checkpoint
from deepmd_pt.derivative import derivative
from deepmd_pt.optimizer import new_optimizer, read_moments, write_moments

if TYPE_CHECKING:
    import numpy as np

    from deepmd.train.trainer import TrainingState

Tensors = dict[str, torch.Tensor]


class PyTorchTrainer(BaseTrainer):
    """Trains the leaves of a model as torch parameters, eagerly."""

    backend_name = "PyTorch"
    breaks_on_fork = "PyTorch" if torch.get_num_threads() > 1 else None

    def set_up(self, optimizer: dict[str, np.ndarray]) -> None:
        self._parameters = {
            path: torch.nn.Parameter(arrays.from_numpy(array)) for path, array in self.trained_leaves().items()
        }
        self.rebuild()
        self._optimizer = new_optimizer(self._config, self._parameters)
        write_moments(self._optimizer, self._parameters, optimizer)

    def rebuild(self) -> None:
        constants = map_leaves(self._numpy_model, lambda _, array: arrays.from_numpy(array))
        self._model = with_leaves(constants, self._parameters)

    def from_numpy(self, array: np.ndarray) -> torch.Tensor:
        return arrays.from_numpy(array)

    def parameters(self) -> dict[str, np.ndarray]:
        return {path: arrays.to_numpy(parameter).copy() for path, parameter in self._parameters.items()}

    def moments(self) -> dict[str, np.ndarray]:
        return read_moments(self._optimizer, self._parameters)

    def gradients(self, prepared: Prepared, lr: float) -> tuple[dict[str, float], Tensors]:
        loss, metrics = self._loss_of(prepared, lr, create_graph=True)
        found = torch.autograd.grad(loss, list(self._parameters.values()), allow_unused=True)
        gradients = {path: each for path, each in zip(self._parameters, found, strict=True) if each is not None}
        return _as_floats(loss, metrics), gradients

    def apply(self, gradients: Tensors, lr: float) -> None:
        for path, parameter in self._parameters.items():
            gradient = gradients.get(path)
            # torch's fused kernel takes a transposed gradient's numbers in the order in which they lie in memory (2.13)
            parameter.grad = None if gradient is None else gradient.contiguous()
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        self._optimizer.step()

    def metrics(self, prepared: Prepared, lr: float) -> dict[str, float]:
        return _as_floats(*self._loss_of(prepared, lr, create_graph=False))

    def _loss_of(self, prepared: Prepared, lr: float, *, create_graph: bool) -> tuple[torch.Tensor, Tensors]:
        return self.loss_and_metrics(self._model, prepared, lr, partial(derivative, create_graph=create_graph))

    @classmethod
    def write_checkpoint(cls, path: str, state: TrainingState) -> None:
        checkpoint.write(path, state)

    @classmethod
    def read_checkpoint(cls, path: str) -> TrainingState:
        return checkpoint.read(path)

    @property
    def device(self) -> str:
        return arrays.device_name()


def _as_floats(loss: torch.Tensor, metrics: Tensors) -> dict[str, float]:
    """All metrics in one transfer from the device."""
    names = ["loss", "rmse", *metrics]
    values = [loss, loss.sqrt(), *metrics.values()]
    stacked = torch.stack([torch.as_tensor(v, dtype=torch.float64, device=loss.device).detach() for v in values])
    return dict(zip(names, stacked.tolist(), strict=True))
