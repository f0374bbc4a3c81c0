# SPDX-License-Identifier: LGPL-3.0-or-later
"""The NumPy backend, registered as `dp`: the reference, and the reader of the common formats."""

from __future__ import annotations

from deepmd.backend import Backend
from deepmd_dp.kit.backend import BaseBackend


class NumpyBackend(BaseBackend):
    """Runs the models on NumPy; it evaluates but does not train."""

    name = "DPModel"
    flags = ("dp", "dpmodel", "np", "numpy")
    distribution = "deepmd-dp"
    framework = "numpy"
    features = Backend.Feature.DEEP_EVAL | Backend.Feature.NEIGHBOR_STAT | Backend.Feature.IO
    suffixes = (".dp", ".yaml", ".yml", ".safetensors")
    deep_eval_class = "deepmd_dp.numpy_backend.deep_eval:NumpyDeepEval"
    reader = "deepmd.contract:read_document"
    writer = "deepmd.contract:write_document"
