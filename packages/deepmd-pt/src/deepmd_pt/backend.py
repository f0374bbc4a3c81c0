# SPDX-License-Identifier: LGPL-3.0-or-later
"""The PyTorch backend, registered as `pt`."""

from __future__ import annotations

from deepmd_dp.kit.backend import BaseBackend
from deepmd_dp.kit.threads import sleep_on_busy_cores


class PyTorchBackend(BaseBackend):
    """Trains, freezes to TorchScript and evaluates with PyTorch."""

    name = "PyTorch"
    flags = ("pt", "pytorch")
    distribution = "deepmd-pt"
    framework = "torch"
    suffixes = (".pth", ".pt")
    checkpoint_suffix = ".pt"
    trainer_class = "deepmd_pt.trainer:PyTorchTrainer"
    deep_eval_class = "deepmd_pt.deep_eval:PyTorchDeepEval"
    reader = "deepmd_pt.frozen:read_any"
    writer = "deepmd_pt.frozen:write"

    def prepare_import(self) -> None:
        sleep_on_busy_cores()
