# SPDX-License-Identifier: LGPL-3.0-or-later
"""The one place that imports paddle; all other modules take it from here."""

from __future__ import annotations

import os
from pathlib import Path

from deepmd_dp.kit.threads import number_of_threads
from deepmd_pd.quiet import quiet_import

with quiet_import():
    import paddle
    from paddle.base import core

_MKL_LOOPS = "MKL_DEBUG_CPU_TYPE"


def _choose_loops() -> None:
    """Products a sixth faster on AMD: paddle's MKL (2019) takes its loops for AVX2 if told so at its first use."""
    cpu = Path("/proc/cpuinfo")
    flags = set(cpu.read_text().split()) if cpu.is_file() else set()
    if _MKL_LOOPS in os.environ or not {"AuthenticAMD", "avx2"} <= flags:
        return
    os.environ[_MKL_LOOPS] = "5"
    one = paddle.to_tensor([[1.0]], place="cpu")
    paddle.matmul(one, one)
    del os.environ[_MKL_LOOPS]


NUM_THREADS = number_of_threads()
"""Threads of the linear algebra and, by the flag, of the kernels; paddle's own default is 1."""
core.set_num_threads(NUM_THREADS)
paddle.set_flags({"FLAGS_paddle_num_threads": NUM_THREADS})
_choose_loops()

__all__ = ["NUM_THREADS", "core", "paddle"]
