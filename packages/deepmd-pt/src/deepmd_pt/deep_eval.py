# SPDX-License-Identifier: LGPL-3.0-or-later
"""Evaluation by torch: checkpoints eagerly, frozen files by their own TorchScript."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from deepmd_dp.kit.deep_eval import BaseDeepEval
from deepmd_dp.kit.signature import Signature
from deepmd_pt import archive, arrays, checkpoint, frozen
from deepmd_pt.derivative import derivative

if TYPE_CHECKING:
    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.model.evaluate import Function, Vectors


class PyTorchDeepEval(BaseDeepEval):
    """A `.pth` or `.pt` file, evaluated by torch."""

    device_name = staticmethod(arrays.device_name)
    breaks_on_fork = "PyTorch" if torch.get_num_threads() > 1 else None
    _graph: torch.jit.ScriptModule | None = None

    def __init__(self, model_file: str, **kwargs: object) -> None:
        super().__init__(model_file, **kwargs)
        self._signature = Signature.of(self._numpy_model)

    def read_document(self, path: str) -> dict:
        found = archive.read(path)
        if found is None:
            return checkpoint.read(path).model
        self._graph = frozen.load(found.members, path)
        return found.document

    def from_numpy(self, array: np.ndarray) -> torch.Tensor:
        return arrays.from_numpy(array)

    def to_numpy(self, array: torch.Tensor) -> np.ndarray:
        return arrays.to_numpy(array)

    def derivative(self, function: Function, edge_vec: Vectors) -> tuple[dict[str, torch.Tensor], list[Vectors]]:
        return derivative(function, edge_vec)

    def compute(
        self,
        env: Environment,
        fparam: torch.Tensor | None,
        aparam: torch.Tensor | None,
        *,
        atomic: bool,
        derivatives: bool,
    ) -> dict[str, torch.Tensor]:
        if self._graph is None:
            return super().compute(env, fparam, aparam, atomic=atomic, derivatives=derivatives)
        packed = self._signature.pack(env, fparam, aparam)
        # the default of fparam is NumPy's
        inputs = {name: torch.as_tensor(array, device=arrays.device()) for name, array in packed.items()}
        return frozen.evaluate(self._graph, inputs, atomic=atomic, derivatives=derivatives)
