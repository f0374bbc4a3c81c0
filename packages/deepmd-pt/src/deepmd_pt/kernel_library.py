# SPDX-License-Identifier: LGPL-3.0-or-later
"""Loading the compiled kernels."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

from deepmd_dp.kit.kernels import find_library, warn_without_kernels

_LIBRARY = "libdeepmd_pt_ops"


@cache
def load_library() -> bool:
    """Load the kernels; where that fails, warn once and say why."""
    try:
        torch.ops.load_library(str(find_library("deepmd-pt", _LIBRARY, Path(__file__).parent)))
    except (OSError, RuntimeError) as error:
        warn_without_kernels("deepmd-pt", f"PyTorch {torch.__version__} (2.13)", error)
        return False
    return True
