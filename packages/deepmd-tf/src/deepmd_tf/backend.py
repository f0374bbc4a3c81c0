# SPDX-License-Identifier: LGPL-3.0-or-later
"""The TensorFlow backend, registered as `tf`."""

from __future__ import annotations

import os

from deepmd_dp.kit.backend import BaseBackend


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
    trainer_class = "deepmd_tf.trainer:TensorFlowTrainer"
    deep_eval_class = "deepmd_tf.deep_eval:TensorFlowDeepEval"
    reader = "deepmd_tf.frozen:read_any"
    writer = "deepmd_tf.frozen:write"

    def prepare_import(self) -> None:
        # notes of its C++ code stay off the terminal, and oneDNN, which helps single precision only, is off since
        # nothing else silences the note that it is on
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
