# SPDX-License-Identifier: LGPL-3.0-or-later
"""The NumPy backend, registered as `dp`: the reference, and the reader of the common formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.backend import Backend
from deepmd_dp.base_backend import BaseBackend

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd.infer.deep_eval import DeepEvalBackend


class NumpyBackend(BaseBackend):
    """Runs the models on NumPy; it evaluates but does not train."""

    name = "DPModel"
    flags = ("dp", "dpmodel", "np", "numpy")
    distribution = "deepmd-dp"
    framework = "numpy"
    features = Backend.Feature.DEEP_EVAL | Backend.Feature.NEIGHBOR_STAT | Backend.Feature.IO
    suffixes = (".dp", ".yaml", ".yml", ".safetensors")

    @property
    def deep_eval(self) -> type[DeepEvalBackend]:
        from deepmd_dp.deep_eval import NumpyDeepEval

        return NumpyDeepEval

    @property
    def serialize_hook(self) -> Callable[[str], dict]:
        from deepmd.contract import read_document

        return read_document

    @property
    def deserialize_hook(self) -> Callable[[str, dict], None]:
        from deepmd.contract import write_document

        return write_document
