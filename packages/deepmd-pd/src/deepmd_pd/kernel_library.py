# SPDX-License-Identifier: LGPL-3.0-or-later
"""Loading the compiled kernels, and calling them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from deepmd_dp.kit.kernels import find_library, warn_without_kernels
from deepmd_pd.framework import core, paddle

_LIBRARY = "libdeepmd_pd_ops"


@cache
def load_library() -> bool:
    """Load the kernels; where that fails, warn once and say why."""
    try:
        path = find_library("deepmd-pd", _LIBRARY, Path(__file__).parent)
        core.load_op_meta_info_and_register_op(str(path))
    except (OSError, RuntimeError, ValueError) as error:
        warn_without_kernels("deepmd-pd", f"Paddle {paddle.__version__}", error)
        return False
    return True


def call(name: str, *arguments: Any) -> list[paddle.Tensor]:
    """Runs an operator of the library, as the wrappers do that paddle generates for extensions built by itself."""
    return paddle._C_ops._run_custom_op(f"deepmd_pd_{name}", *arguments)
