# SPDX-License-Identifier: LGPL-3.0-or-later
"""MLX's arrays of NumPy arrays and back."""

from __future__ import annotations

import mlx.core as mx
import numpy as np

from deepmd_mlx.namespace import asarray

# MLX knows float64 on the CPU only
mx.set_default_device(mx.cpu)


def from_numpy(array: np.ndarray) -> mx.array:
    """An array of the same type."""
    return asarray(np.asarray(array))


def to_numpy(array: mx.array) -> np.ndarray:
    """The inverse of `from_numpy`."""
    return np.array(array)
