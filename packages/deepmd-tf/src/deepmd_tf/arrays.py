# SPDX-License-Identifier: LGPL-3.0-or-later
"""Tensors of NumPy arrays and back."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deepmd_tf.device import device_name, gpus
from deepmd_tf.ops import register_ops

__all__ = ["device_name", "from_numpy", "gpus", "to_numpy"]

register_ops()  # with it the models run on tensors


def from_numpy(array: np.ndarray) -> tf.Tensor:
    """A tensor of these numbers, sharing no memory with the array."""
    return tf.constant(np.array(array))


def to_numpy(tensor: tf.Tensor | tf.Variable | np.ndarray) -> np.ndarray:
    """The inverse of `from_numpy`; what a session gives is an array already."""
    return np.array(tensor if isinstance(tensor, np.ndarray) else tensor.numpy())
