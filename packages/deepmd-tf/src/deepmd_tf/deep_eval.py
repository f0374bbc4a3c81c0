# SPDX-License-Identifier: LGPL-3.0-or-later
"""Evaluation by TensorFlow: checkpoints eagerly, frozen files by their own graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd_dp.kit.deep_eval import BaseDeepEval
from deepmd_tf import arrays, checkpoint, frozen
from deepmd_tf.derivative import energy_and_gradient

if TYPE_CHECKING:
    import tensorflow as tf

    from deepmd_dp.environment.environment import Environment


class TensorFlowDeepEval(BaseDeepEval):
    """A `.pb` file or a checkpoint, evaluated by TensorFlow."""

    def __init__(self, model_file: str, **kwargs: Any) -> None:
        self._frozen: frozen.FrozenModel | None = None
        has_gpu = bool(arrays.gpus())
        super().__init__(model_file, **kwargs)
        batch_size = kwargs.get("auto_batch_size")
        if has_gpu and hasattr(batch_size, "may_grow"):
            # a GPU says when its memory is full; a CPU's kernel kills the process instead
            batch_size.may_grow = True

    def read_document(self, path: str) -> dict:
        if not frozen.is_frozen(path):
            return checkpoint.read(path).model
        graph = frozen.read_graph(path)
        self._frozen = frozen.FrozenModel(graph)
        return frozen.document_of(graph)

    def from_numpy(self, array: np.ndarray) -> tf.Tensor:
        return arrays.from_numpy(array)

    def to_numpy(self, array: tf.Tensor | np.ndarray) -> np.ndarray:
        # a frozen file's results are in NumPy already
        return array if isinstance(array, np.ndarray) else arrays.to_numpy(array)

    def energy_and_gradient(self, model: Any, env: Environment, fparam: Any, aparam: Any) -> Any:
        return energy_and_gradient(model, env, fparam, aparam)

    def compute(self, env: Environment, fparam: Any, aparam: Any, atomic: bool) -> dict[str, Any]:
        if self._frozen is None:
            return super().compute(env, fparam, aparam, atomic)
        return self._frozen.evaluate(env, fparam, aparam, atomic)
