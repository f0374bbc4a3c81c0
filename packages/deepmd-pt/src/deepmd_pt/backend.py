# SPDX-License-Identifier: LGPL-3.0-or-later
"""The PyTorch backend, registered as `pt`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd_dp.base_backend import BaseBackend

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd.infer.deep_eval import DeepEvalBackend
    from deepmd.train.trainer import Trainer


class PyTorchBackend(BaseBackend):
    """Trains, freezes to TorchScript and evaluates with PyTorch."""

    name = "PyTorch"
    flags = ("pt", "pytorch")
    distribution = "deepmd-pt"
    framework = "torch"
    suffixes = (".pth", ".pt")
    checkpoint_suffix = ".pt"

    @property
    def trainer(self) -> type[Trainer]:
        from deepmd_pt.trainer import PyTorchTrainer

        return PyTorchTrainer

    @property
    def deep_eval(self) -> type[DeepEvalBackend]:
        from deepmd_pt.deep_eval import PyTorchDeepEval

        return PyTorchDeepEval

    @property
    def serialize_hook(self) -> Callable[[str], dict]:
        from deepmd_pt.frozen import read_any

        return read_any

    @property
    def deserialize_hook(self) -> Callable[[str, dict], None]:
        from deepmd_pt.frozen import write

        return write
