# SPDX-License-Identifier: LGPL-3.0-or-later
"""The JAX backend, registered as `jax`."""

from __future__ import annotations

from typing import ClassVar

from deepmd_dp.kit.backend import BaseBackend


class JaxBackend(BaseBackend):
    """Trains, freezes to StableHLO or a SavedModel, and evaluates with JAX."""

    name = "JAX"
    flags = ("jax",)
    distribution = "deepmd-jax"
    framework = "jax"
    suffixes = (".hlo", ".xlo", ".savedmodel", ".jax")
    checkpoint_suffix = ".jax"
    limitations: ClassVar[dict[str, str]] = {
        "`.savedmodel` by itself": "TensorFlow writes and reads it: `pip install deepmd-jax[savedmodel]`",
        "Python 3.10": "JAX 0.10, the oldest release that deepmd-jax runs on, needs 3.11",
    }
    trainer_class = "deepmd_jax.trainer:JaxTrainer"
    deep_eval_class = "deepmd_jax.deep_eval:JaxDeepEval"
    reader = "deepmd_jax.frozen:read_any"
    writer = "deepmd_jax.frozen:write"
