# SPDX-License-Identifier: LGPL-3.0-or-later
"""Evaluation by TensorFlow: checkpoints eagerly, frozen files by their own graph."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from deepmd_dp.kit.deep_eval import BaseDeepEval
from deepmd_dp.kit.signature import Signature
from deepmd_tf import arrays, checkpoint
from deepmd_tf.derivative import derivative
from deepmd_tf.frozen import FrozenModel, is_frozen, read_frozen

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.model.evaluate import Function, Vectors


class TensorFlowDeepEval(BaseDeepEval):
    """A `.pb` file or a checkpoint, evaluated by TensorFlow."""

    device_name = staticmethod(arrays.device_name)
    breaks_on_fork = "TensorFlow"
    _graph: FrozenModel | None = None

    def read_document(self, path: str) -> dict:
        if not is_frozen(path):
            return checkpoint.read(path).model
        file = read_frozen(path)
        self._graph = FrozenModel(file, path)
        return file.document

    def from_numpy(self, array: np.ndarray) -> tf.Tensor:
        return arrays.from_numpy(array)

    def to_numpy(self, array: tf.Tensor) -> np.ndarray:
        return arrays.to_numpy(array)

    def derivative(self, function: Function, edge_vec: Vectors) -> tuple[dict[str, tf.Tensor], list[Vectors]]:
        return derivative(function, edge_vec)

    def compute(
        self, env: Environment, fparam: tf.Tensor | None, aparam: tf.Tensor | None, *, atomic: bool, derivatives: bool
    ) -> dict[str, tf.Tensor]:
        if self._graph is None:
            return super().compute(env, fparam, aparam, atomic=atomic, derivatives=derivatives)
        inputs = self._signature.pack(env, fparam, aparam)
        return self._graph.run(inputs, [term.name for term in self._terms(atomic=atomic, derivatives=derivatives)])

    @cached_property
    def _signature(self) -> Signature:
        return Signature.of(self._numpy_model)
