# SPDX-License-Identifier: LGPL-3.0-or-later
"""The Array API on JAX: `jax.numpy`, with the functions that must differ from it."""

from __future__ import annotations

import sys
from typing import Any

import jax
import jax.numpy as jnp

from deepmd_dp.dialect import array_api


def __getattr__(name: str) -> Any:
    return getattr(jnp, name)


def take(x: jax.Array, indices: jax.Array, *, axis: int = 0) -> jax.Array:
    """Without jax.numpy's NaN for an index out of range, which costs a pass: ours are in range."""
    return jnp.take(x, indices, axis=axis, mode="clip")


def device(x: jax.Array) -> None:
    """A traced array has none, and a constant goes where the computation does."""
    del x


for _type in (jax.Array, jax.core.Tracer):
    array_api.register_namespace(_type, sys.modules[__name__])
