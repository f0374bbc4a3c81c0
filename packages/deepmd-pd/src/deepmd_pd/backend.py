# SPDX-License-Identifier: LGPL-3.0-or-later
"""The Paddle backend, registered as `pd`."""

from __future__ import annotations

from typing import ClassVar

from deepmd_dp.kit.backend import BaseBackend
from deepmd_dp.kit.threads import sleep_on_busy_cores
from deepmd_pd.quiet import quiet_import


class PaddleBackend(BaseBackend):
    """Trains, freezes to a program of paddle and evaluates with PaddlePaddle."""

    name = "Paddle"
    flags = ("pd", "paddle")
    distribution = "deepmd-pd"
    framework = "paddlepaddle"
    framework_variants = ("paddlepaddle-gpu",)
    framework_module = "paddle"
    suffixes = (".json", ".pd")
    checkpoint_suffix = ".pd"
    companion_suffixes: ClassVar[dict[str, tuple[str, ...]]] = {".json": (".pdiparams",)}
    trainer_class = "deepmd_pd.trainer:PaddleTrainer"
    deep_eval_class = "deepmd_pd.deep_eval:PaddleDeepEval"
    reader = "deepmd_pd.frozen:read_any"
    writer = "deepmd_pd.frozen:write"

    def prepare_import(self) -> None:
        sleep_on_busy_cores()

    def import_framework(self) -> None:
        with quiet_import():
            super().import_framework()
