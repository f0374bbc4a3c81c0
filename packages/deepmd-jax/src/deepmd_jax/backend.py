# SPDX-License-Identifier: LGPL-3.0-or-later
"""The JAX backend, registered as `jax`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd_dp.base_backend import BaseBackend

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd.infer.deep_eval import DeepEvalBackend
    from deepmd.train.trainer import Trainer


class JaxBackend(BaseBackend):
    """Trains, freezes to StableHLO or a SavedModel, and evaluates with JAX."""

    name = "JAX"
    flags = ("jax",)
    distribution = "deepmd-jax"
    framework = "jax"
    suffixes = (".hlo", ".xlo", ".savedmodel", ".jax")
    checkpoint_suffix = ".jax"

    @property
    def trainer(self) -> type[Trainer]:
        from deepmd_jax.trainer import JaxTrainer

        return JaxTrainer

    @property
    def deep_eval(self) -> type[DeepEvalBackend]:
        from deepmd_jax.deep_eval import JaxDeepEval

        return JaxDeepEval

    @property
    def serialize_hook(self) -> Callable[[str], dict]:
        from deepmd_jax.frozen import read_any

        return read_any

    @property
    def deserialize_hook(self) -> Callable[[str, dict], None]:
        from deepmd_jax.frozen import write

        return write
