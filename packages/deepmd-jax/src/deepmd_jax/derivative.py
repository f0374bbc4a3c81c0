# SPDX-License-Identifier: LGPL-3.0-or-later
"""The one derivative that JAX is asked for: of scalars by the displacements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

if TYPE_CHECKING:
    from deepmd_dp.model.evaluate import Function, Vectors


def derivative(function: Function, edge_vec: Vectors) -> tuple[dict[str, jax.Array], list[Vectors]]:
    """See `deepmd_dp.model.evaluate.Derivative`; to be traced, a backward pass for each scalar."""

    def scalars(vectors: Vectors) -> tuple[list[jax.Array], dict[str, jax.Array]]:
        values, found = function(vectors)
        return list(found), values

    found, backward, values = jax.vjp(scalars, tuple(edge_vec), has_aux=True)

    def of(k: int) -> Vectors:
        return backward([jnp.asarray(float(j == k), each.dtype) for j, each in enumerate(found)])[0]

    return values, [of(k) for k in range(len(found))]
