# SPDX-License-Identifier: LGPL-3.0-or-later
"""Tensors of NumPy arrays and back."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from deepmd_dp.kit.threads import cpu_name
from deepmd_pd.framework import NUM_THREADS, core, paddle
from deepmd_pd.ops import register_ops

if TYPE_CHECKING:
    from paddle import Tensor

register_ops()  # with it the models run on tensors


@cache
def device() -> core.Place:
    """The GPU where there is one that works, else the CPU; ``DEVICE=cpu`` in the environment forces the CPU."""
    if os.environ.get("DEVICE") == "cpu" or paddle.device.cuda.device_count() == 0:
        return paddle.set_device("cpu")
    return paddle.set_device(f"gpu:{os.environ.get('LOCAL_RANK', '0')}")


def device_name() -> str:
    """The device for people: ``cpu (2 threads)``, ``gpu:0 (NVIDIA H100)``."""
    if isinstance(device(), core.CPUPlace):
        return cpu_name(NUM_THREADS)
    return f"{paddle.get_device()} ({paddle.device.cuda.get_device_name()})"


def from_numpy(array: np.ndarray) -> Tensor:
    """A tensor of these numbers on the device, sharing no memory with the array."""
    return paddle.to_tensor(np.asarray(array), place=device())


def to_numpy(tensor: Tensor) -> np.ndarray:
    """The inverse of `from_numpy`."""
    return tensor.numpy()
