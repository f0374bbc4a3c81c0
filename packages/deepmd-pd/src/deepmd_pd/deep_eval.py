# SPDX-License-Identifier: LGPL-3.0-or-later
"""Evaluation by paddle: checkpoints in dynamic mode, frozen files by their own graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd_dp.kit.deep_eval import BaseDeepEval
from deepmd_pd import arrays, frozen
from deepmd_pd.derivative import energy_and_gradient

if TYPE_CHECKING:
    import numpy as np
    from paddle import Tensor

    from deepmd_dp.environment.environment import Environment


class PaddleDeepEval(BaseDeepEval):
    """A `.json` or `.pd` file, evaluated by paddle."""

    def __init__(self, model_file: str, **kwargs: Any) -> None:
        super().__init__(model_file, **kwargs)
        self._graph = frozen.Graph(model_file) if frozen.is_frozen(model_file) else None

    def read_document(self, path: str) -> dict:
        return frozen.read_any(path)

    def from_numpy(self, array: np.ndarray) -> Tensor:
        return arrays.from_numpy(array)

    def to_numpy(self, array: Tensor) -> np.ndarray:
        return arrays.to_numpy(array)

    def energy_and_gradient(self, model: Any, env: Environment, fparam: Any, aparam: Any) -> Any:
        return energy_and_gradient(model, env, fparam, aparam)

    def compute(self, env: Environment, fparam: Any, aparam: Any, atomic: bool) -> dict[str, Tensor]:
        if self._graph is None:
            return super().compute(env, fparam, aparam, atomic)
        terms = self._graph(env, fparam, aparam)
        wanted = ("energy", "atom_energy", "force", "virial", *(("atom_virial",) if atomic else ()))
        return {name: terms[name] for name in wanted}
