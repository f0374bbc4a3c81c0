# SPDX-License-Identifier: LGPL-3.0-or-later
"""The MLX backend, registered as `mlx`. MLX is imported inside the hooks only: `dp -h` stays fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd_dp.base_backend import BaseBackend

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd.infer.deep_eval import DeepEvalBackend
    from deepmd.train import Trainer


class MLXBackend(BaseBackend):
    """Trains and evaluates with MLX."""

    name = "MLX"
    flags = ("mlx",)
    distribution = "deepmd-mlx"
    framework = "mlx"
    framework_module = "mlx.core"
    suffixes = (".mlx", ".mlxckpt")
    checkpoint_suffix = ".mlxckpt"

    @property
    def trainer(self) -> type[Trainer]:
        from deepmd_mlx.trainer import MLXTrainer

        return MLXTrainer

    @property
    def deep_eval(self) -> type[DeepEvalBackend]:
        from deepmd_mlx.deep_eval import MLXDeepEval

        return MLXDeepEval

    @property
    def serialize_hook(self) -> Callable[[str], dict]:
        from deepmd_mlx.files import read

        return read

    @property
    def deserialize_hook(self) -> Callable[[str, dict], None]:
        from deepmd_mlx.files import write

        return write
