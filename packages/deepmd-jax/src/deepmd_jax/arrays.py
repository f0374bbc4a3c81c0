# SPDX-License-Identifier: LGPL-3.0-or-later
"""JAX's arrays of NumPy arrays and back, in float64 where we compute and nowhere else."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import jax
import numpy as np

from deepmd_jax.ops import register_ops

if TYPE_CHECKING:
    from collections.abc import Iterator

register_ops()  # with it the models run on JAX's arrays


@contextmanager
def double_precision() -> Iterator[None]:
    """JAX keeps float64 and int64 inside, in this thread only; a user's own float32 code is left as it is.

    It stands around whatever we make or run; as a decorator too.
    """
    with jax.enable_x64(True):
        yield


@cache
def device() -> jax.Device:
    """The first device that JAX finds; ``DEVICE=cpu`` in the environment forces the CPU."""
    return jax.local_devices(backend="cpu" if os.environ.get("DEVICE") == "cpu" else None)[0]


def device_name() -> str:
    """The device for people: ``cpu (2 threads)``, ``gpu:0 (NVIDIA H100)``."""
    if device().platform == "cpu":
        return f"cpu ({len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} threads)"
    return f"{device().platform}:{device().id} ({device().device_kind})"


@double_precision()
def from_numpy(array: np.ndarray) -> jax.Array:
    """An array of these numbers on the device, sharing no memory with the array: JAX would, on the CPU."""
    return jax.device_put(np.asarray(array), device(), may_alias=False)


def to_numpy(array: jax.Array) -> np.ndarray:
    """The inverse of `from_numpy`."""
    return np.array(array)
