# SPDX-License-Identifier: LGPL-3.0-or-later
"""The JAX backend, registered as `jax`."""

from __future__ import annotations

from deepmd_dp.base_backend import BaseBackend


class JaxBackend(BaseBackend):
    """Trains, freezes to StableHLO or a SavedModel, and evaluates with JAX."""

    name = "JAX"
    flags = ("jax",)
    distribution = "deepmd-jax"
    framework = "jax"
    suffixes = (".hlo", ".xlo", ".savedmodel", ".jax")
    checkpoint_suffix = ".jax"
    trainer_class = "deepmd_jax.trainer:JaxTrainer"
    deep_eval_class = "deepmd_jax.deep_eval:JaxDeepEval"
    reader = "deepmd_jax.frozen:read_any"
    writer = "deepmd_jax.frozen:write"
