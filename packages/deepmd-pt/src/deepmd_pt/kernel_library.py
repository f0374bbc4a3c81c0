# SPDX-License-Identifier: LGPL-3.0-or-later
"""Loading the compiled kernels."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

from deepmd_dp.kit.kernels import find_library, warn_without_kernels


@cache
def load_library(library: str = "libdeepmd_pt_ops") -> bool:
    """Load the kernels; where that fails, warn once and say why."""
    try:
        torch.ops.load_library(str(find_library("deepmd-pt", library, Path(__file__).parent)))
    except (OSError, RuntimeError) as error:
        warn_without_kernels("deepmd-pt", f"PyTorch {torch.__version__} (2.13)", error)
        return False
    return True


def load_derivative() -> bool:
    """Load the kernels with the derivative in C++ that frozen files need, which is part of the plug-in."""
    is_loaded = load_library() and load_library("libdeepmd_backend_pt")
    # it is left out where torch is another release than the plug-in was built with
    return is_loaded and torch._C._dispatch_has_kernel_for_dispatch_key("deepmd_pt::moments", "AutogradCPU")
