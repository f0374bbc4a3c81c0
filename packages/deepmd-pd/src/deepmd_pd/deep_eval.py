# SPDX-License-Identifier: LGPL-3.0-or-later
"""Evaluation by paddle: checkpoints in dynamic mode, frozen files by their own graph."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING

from deepmd_dp.kit.deep_eval import BaseDeepEval
from deepmd_dp.kit.signature import Signature
from deepmd_dp.kit.state_file import read_state
from deepmd_pd import arrays
from deepmd_pd.derivative import derivative
from deepmd_pd.framework import paddle
from deepmd_pd.frozen import FrozenFile, is_frozen

if TYPE_CHECKING:
    from paddle import Tensor

    from deepmd_dp.environment.environment import Environment


class PaddleDeepEval(BaseDeepEval):
    """A `.json` or `.pd` file, evaluated by paddle."""

    device_name = staticmethod(arrays.device_name)
    from_numpy = staticmethod(arrays.from_numpy)
    to_numpy = staticmethod(arrays.to_numpy)
    derivative = staticmethod(derivative)
    breaks_on_fork = "Paddle"
    one_at_a_time = RLock()

    def read_document(self, path: str) -> dict:
        if not is_frozen(path):
            return read_state(path).model
        self._file = FrozenFile(path)
        with self.one_at_a_time:
            self._graph = self._file.load()
        return self._file.document

    def compute(
        self, env: Environment, fparam: Tensor | None, aparam: Tensor | None, *, atomic: bool, derivatives: bool
    ) -> dict[str, Tensor]:
        if self._graph is None:
            return super().compute(env, fparam, aparam, atomic=atomic, derivatives=derivatives)
        signature = Signature.of(self._numpy_model)
        given = signature.pack(env, fparam, aparam).values()
        # frame parameters that the model has itself are no tensors yet
        tensors = [each if isinstance(each, paddle.Tensor) else arrays.from_numpy(each) for each in given]
        with paddle.no_grad():
            *results, _ = self._graph(*tensors)
        return {term.name: result for term, result in zip(signature.outputs, results, strict=True)}
