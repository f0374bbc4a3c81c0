# SPDX-License-Identifier: LGPL-3.0-or-later
"""The one place that imports paddle; all other modules take it from here."""

from __future__ import annotations

import os

from deepmd_pd.quiet import quiet_import

with quiet_import():
    import paddle
    from paddle.base import core


def _wanted_threads() -> int:
    """OMP_NUM_THREADS where it is a number, else one for each core that this process may use."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit():
        return max(1, int(given))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


NUM_THREADS = _wanted_threads()
"""Threads of the linear algebra and of the kernels; paddle's own default is 1."""
core.set_num_threads(NUM_THREADS)

__all__ = ["NUM_THREADS", "core", "paddle"]
