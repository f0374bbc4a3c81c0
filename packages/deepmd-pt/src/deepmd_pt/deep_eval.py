# SPDX-License-Identifier: LGPL-3.0-or-later
"""Evaluation by torch: checkpoints eagerly, frozen files by their own TorchScript."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from deepmd_dp.environment.environment import Environment
from deepmd_dp.kit.deep_eval import BaseDeepEval
from deepmd_pt import arrays, checkpoint, frozen
from deepmd_pt.derivative import energy_and_gradient


class PyTorchDeepEval(BaseDeepEval):
    """A `.pth` or `.pt` file, evaluated by torch."""

    def __init__(self, model_file: str, **kwargs: Any) -> None:
        super().__init__(model_file, **kwargs)
        batch_size = kwargs.get("auto_batch_size")
        if arrays.device().type == "cuda" and hasattr(batch_size, "may_grow"):
            # a GPU says when its memory is full; a CPU's kernel kills the process instead
            batch_size.may_grow = True
        self._script = frozen.load(model_file) if frozen.is_frozen(model_file) else None

    def read_document(self, path: str) -> dict:
        return frozen.read_document(path) if frozen.is_frozen(path) else checkpoint.read(path).model

    def from_numpy(self, array: np.ndarray) -> torch.Tensor:
        return arrays.from_numpy(array)

    def to_numpy(self, array: torch.Tensor) -> np.ndarray:
        return arrays.to_numpy(array)

    def energy_and_gradient(self, model: Any, env: Environment, fparam: Any, aparam: Any) -> Any:
        return energy_and_gradient(model, env, fparam, aparam)

    def compute(self, env: Environment, fparam: Any, aparam: Any, atomic: bool) -> dict[str, torch.Tensor]:
        if self._script is None:
            return super().compute(env, fparam, aparam, atomic)
        return frozen.evaluate(self._script, env, fparam, aparam, atomic)
