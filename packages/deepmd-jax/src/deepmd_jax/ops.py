# SPDX-License-Identifier: LGPL-3.0-or-later
"""Operations of `deepmd_dp.dialect.ops` on fused kernels, where JAX's arrays allow it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from deepmd_dp.dialect import ops as plain_ops
from deepmd_dp.kit import kernels
from deepmd_jax import namespace
from deepmd_jax.arrays import device
from deepmd_jax.embedding_moments import moments
from deepmd_jax.kernel_library import load_library

if TYPE_CHECKING:
    from collections.abc import Sequence


def load_ops() -> None:
    """Run the models' operations on the kernels below, from now on."""
    plain_ops.override("embedding_moments", namespace, embedding_moments)


def embedding_moments(x: jax.Array, r: jax.Array, weights: jax.Array, layers: Sequence[Any]) -> jax.Array:
    """Moments of an atom's embedded neighbors, (R w)ᵀ G with G the embedding net of x.

    Neighbors of weight 0 at the end of an atom's list are not worked on at all.

    Parameters
    ----------
    x : Array, (..., nnei, 1)
    r : Array, (..., nnei, nr)
    weights : Array, (..., nnei, 1)
        0: not a neighbor.
    layers : sequence of objects with w, b, idt, activation_function, resnet

    Returns
    -------
    Array, (..., nr, nout)
    """
    if not is_fused(x, r, weights, layers):
        return plain_ops.embedding_moments.plain(x, r, weights, layers)
    spec, params = kernels.flatten_layers(layers)
    lead, nnei = x.shape[:-2], x.shape[-2]
    rows = (r * weights).reshape(-1, nnei, r.shape[-1])
    found = moments(tuple(spec), x.reshape(-1, nnei), rows, _count(weights.reshape(-1, nnei)), tuple(params))
    return found.reshape(*lead, *found.shape[-2:])


def _count(weights: jax.Array) -> jax.Array:
    """Up to where an atom's neighbors may have a weight other than 0, (natoms,) int32."""
    number = jnp.arange(1, weights.shape[1] + 1, dtype=jnp.int32)
    return jnp.max(jnp.where(weights != 0, number, 0), axis=1)


def is_fused(x: jax.Array, r: jax.Array, weights: jax.Array, layers: Sequence[Any]) -> bool:
    """Whether `embedding_moments` runs on the fused kernel: on the CPU, for sizes and types that it knows.

    Files are written with open sizes, so that the plain form is what they hold.
    """
    arrays = [x, r, weights, *(a for each in layers for a in (each.w, each.b, each.idt) if a is not None)]
    return (
        kernels.are_wanted()
        and kernels.know(layers)
        and device().platform == "cpu"
        and x.dtype in (jnp.float64, jnp.float32)
        and x.shape[-1] == 1
        and all(a.dtype == x.dtype for a in arrays)
        and all(isinstance(n, int) and n > 0 for n in (*x.shape, *r.shape))
        and load_library()
    )
