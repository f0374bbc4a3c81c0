# SPDX-License-Identifier: LGPL-3.0-or-later
"""JAX's arrays of NumPy arrays and back, in float64 where we compute and nowhere else."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import jax
import numpy as np

from deepmd_jax.device import device
from deepmd_jax.ops import register_ops

if TYPE_CHECKING:
    from collections.abc import Iterator

register_ops()  # with it the models run on JAX's arrays


@contextmanager
def full_precision() -> Iterator[None]:
    """JAX keeps float64 and int64 inside, and products of float32 are those of float32; in this thread only.

    Left to itself it makes float32 of float64, and on NVIDIA's GPUs multiplies float32 with ten bits of the numbers
    (TF32). A user's own code is left as it is. It stands around whatever we make or run; as a decorator too.
    """
    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        yield


@full_precision()
def from_numpy(array: np.ndarray) -> jax.Array:
    """An array of these numbers on the device, sharing no memory with the array: JAX would, on the CPU."""
    return jax.device_put(np.asarray(array), device(), may_alias=False)


def to_numpy(array: jax.Array) -> np.ndarray:
    """The inverse of `from_numpy`."""
    return np.array(array)
