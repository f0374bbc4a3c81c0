# SPDX-License-Identifier: LGPL-3.0-or-later
"""Tensors of NumPy arrays and back."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from deepmd_dp.kit.threads import cpu_name
from deepmd_pt.ops import register_ops

register_ops()  # with it the models run on tensors


@cache
def device() -> torch.device:
    """The GPU where there is one that works, else the CPU; ``DEVICE=cpu`` in the environment forces the CPU."""
    import os

    if os.environ.get("DEVICE") == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def device_name() -> str:
    """The device for people: ``cpu (2 threads)``, ``cuda:0 (NVIDIA H100)``."""
    if device().type == "cpu":
        return cpu_name(torch.get_num_threads())
    return f"{device()} ({torch.cuda.get_device_name(device())})"


def from_numpy(array: np.ndarray) -> torch.Tensor:
    """A tensor of these numbers on the device, sharing no memory with the array."""
    # copied by NumPy: torch would do so in parallel, and a thread that prepares batches would have threads of its own,
    # more than there are cores, which then all sleep whenever they wait
    return torch.from_numpy(np.array(array, order="C")).to(device())


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    """The inverse of `from_numpy`."""
    return tensor.detach().cpu().numpy()
