# SPDX-License-Identifier: LGPL-3.0-or-later
"""Where JAX computes."""

from __future__ import annotations

import os
from functools import cache

import jax


@cache
def device() -> jax.Device:
    """The first device that JAX finds; ``DEVICE=cpu`` in the environment forces the CPU."""
    return jax.local_devices(backend="cpu" if os.environ.get("DEVICE") == "cpu" else None)[0]


def device_name() -> str:
    """The device for people: ``cpu (2 threads)``, ``gpu:0 (NVIDIA H100)``."""
    if device().platform == "cpu":
        return f"cpu ({len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} threads)"
    return f"{device().platform}:{device().id} ({device().device_kind})"
