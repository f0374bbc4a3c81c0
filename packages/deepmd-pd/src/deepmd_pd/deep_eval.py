# SPDX-License-Identifier: LGPL-3.0-or-later
"""Evaluation by paddle: checkpoints in dynamic mode, frozen files by their own graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd_dp.kit.deep_eval import BaseDeepEval
from deepmd_dp.kit.signature import Signature
from deepmd_dp.kit.state_file import read_state
from deepmd_pd import arrays
from deepmd_pd.derivative import derivative
from deepmd_pd.frozen import FrozenFile, Graph, is_frozen

if TYPE_CHECKING:
    import numpy as np
    from paddle import Tensor

    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.model.evaluate import Function, Vectors


class PaddleDeepEval(BaseDeepEval):
    """A `.json` or `.pd` file, evaluated by paddle."""

    device_name = staticmethod(arrays.device_name)

    def __init__(self, model_file: str, **kwargs: object) -> None:
        self._file = FrozenFile(model_file) if is_frozen(model_file) else None
        super().__init__(model_file, **kwargs)
        self._graph = None if self._file is None else Graph(self._file, Signature.of(self._numpy_model))

    def read_document(self, path: str) -> dict:
        return read_state(path).model if self._file is None else self._file.document

    def from_numpy(self, array: np.ndarray) -> Tensor:
        return arrays.from_numpy(array)

    def to_numpy(self, array: Tensor) -> np.ndarray:
        return arrays.to_numpy(array)

    def derivative(self, function: Function, edge_vec: Vectors) -> tuple[dict[str, Tensor], list[Vectors]]:
        return derivative(function, edge_vec)

    def compute(
        self, env: Environment, fparam: Tensor | None, aparam: Tensor | None, *, atomic: bool, derivatives: bool
    ) -> dict[str, Tensor]:
        if self._graph is not None:
            return self._graph(env, fparam, aparam)
        return super().compute(env, fparam, aparam, atomic=atomic, derivatives=derivatives)
