# SPDX-License-Identifier: LGPL-3.0-or-later
"""Loading the compiled kernels."""

from __future__ import annotations

import warnings
from functools import cache
from importlib import metadata
from pathlib import Path

import torch

_LIBRARY = "libdeepmd_pt_ops"


@cache
def load_library() -> bool:
    """Load the kernels; where that fails, warn once and say why."""
    try:
        torch.ops.load_library(str(_library_path()))
    except (OSError, RuntimeError) as error:
        warnings.warn(
            f"deepmd_pt runs without its fused kernels, which is slower: {error}. Reinstall deepmd-pt for "
            f"this Python and PyTorch {torch.__version__} (2.10 or later), or set DP_PT_PLAIN_OPS=1 to "
            "keep the plain form without this warning.",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    return True


def _library_path() -> Path:
    """The kernels lie beside this file, or, in an editable install, in site-packages."""
    beside = sorted((Path(__file__).parent / "lib").glob(f"{_LIBRARY}.*"))
    if beside:
        return beside[0]
    try:
        files = metadata.files("deepmd-pt") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name.startswith(f"{_LIBRARY}."):
            return Path(str(file.locate()))
    raise OSError(f"{_LIBRARY} is neither in {Path(__file__).parent / 'lib'} nor among deepmd-pt's installed files")
