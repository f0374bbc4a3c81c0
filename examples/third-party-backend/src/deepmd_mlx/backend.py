# SPDX-License-Identifier: LGPL-3.0-or-later
"""The MLX backend, registered as `mlx`. It imports no MLX: `dp -h` stays fast."""

from __future__ import annotations

from deepmd_dp.kit.backend import BaseBackend


class MLXBackend(BaseBackend):
    """Trains and evaluates with MLX."""

    name = "MLX"
    flags = ("mlx",)
    distribution = "deepmd-mlx"
    framework = "mlx"
    framework_module = "mlx.core"
    suffixes = (".mlx", ".mlxckpt")
    checkpoint_suffix = ".mlxckpt"
    trainer_class = "deepmd_mlx.trainer:MLXTrainer"
    deep_eval_class = "deepmd_mlx.deep_eval:MLXDeepEval"
    reader = "deepmd_mlx.files:read"
    writer = "deepmd_mlx.files:write"
