# SPDX-License-Identifier: LGPL-3.0-or-later
"""The NumPy backend, registered as `dp`: the reference, and the reader of the common formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.backend import Backend

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd.infer.deep_eval import DeepEvalBackend


class NumpyBackend(Backend):
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
    def neighbor_stat(self) -> Callable[..., Any]:
        from deepmd_dp.neighbor import neighbor_statistics

        return neighbor_statistics

    @property
    def serialize_hook(self) -> Callable[[str], dict]:
        from deepmd.contract import read_document

        return read_document

    @property
    def deserialize_hook(self) -> Callable[[str, dict], None]:
        from deepmd.contract import write_document

        return write_document
