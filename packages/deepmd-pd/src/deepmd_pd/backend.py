# SPDX-License-Identifier: LGPL-3.0-or-later
"""The Paddle backend, registered as `pd`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from deepmd_dp.base_backend import BaseBackend
from deepmd_pd.quiet import quiet_import

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd.infer.deep_eval import DeepEvalBackend
    from deepmd.train.trainer import Trainer


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

    def import_framework(self) -> None:
        with quiet_import():
            super().import_framework()

    @property
    def trainer(self) -> type[Trainer]:
        from deepmd_pd.trainer import PaddleTrainer

        return PaddleTrainer

    @property
    def deep_eval(self) -> type[DeepEvalBackend]:
        from deepmd_pd.deep_eval import PaddleDeepEval

        return PaddleDeepEval

    @property
    def serialize_hook(self) -> Callable[[str], dict]:
        from deepmd_pd.frozen import read_any

        return read_any

    @property
    def deserialize_hook(self) -> Callable[[str, dict], None]:
        from deepmd_pd.frozen import write

        return write
