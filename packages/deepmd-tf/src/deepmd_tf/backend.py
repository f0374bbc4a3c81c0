# SPDX-License-Identifier: LGPL-3.0-or-later
"""The TensorFlow backend, registered as `tf`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd_dp.base_backend import BaseBackend

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd.infer.deep_eval import DeepEvalBackend
    from deepmd.train.trainer import Trainer


class TensorFlowBackend(BaseBackend):
    """Trains in graph mode, freezes to a GraphDef and evaluates with TensorFlow."""

    name = "TensorFlow"
    flags = ("tf", "tensorflow")
    distribution = "deepmd-tf"
    framework = "tensorflow"
    framework_variants = ("tensorflow-cpu", "tensorflow-intel", "tensorflow-macos")
    suffixes = (".pb", ".meta")
    checkpoint_suffix = ".meta"
    companion_suffixes = {".meta": (".index", ".data-00000-of-00001")}  # noqa: RUF012  declared ClassVar in Backend

    @property
    def trainer(self) -> type[Trainer]:
        from deepmd_tf.trainer import TensorFlowTrainer

        return TensorFlowTrainer

    @property
    def deep_eval(self) -> type[DeepEvalBackend]:
        from deepmd_tf.deep_eval import TensorFlowDeepEval

        return TensorFlowDeepEval

    @property
    def serialize_hook(self) -> Callable[[str], dict]:
        from deepmd_tf.frozen import read_any

        return read_any

    @property
    def deserialize_hook(self) -> Callable[[str, dict], None]:
        from deepmd_tf.frozen import write

        return write
