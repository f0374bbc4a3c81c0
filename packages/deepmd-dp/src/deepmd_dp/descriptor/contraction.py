# SPDX-License-Identifier: LGPL-3.0-or-later
"""From the moments of the embedded neighbors to what rotates with the atoms, and what does not."""

from __future__ import annotations

from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.interface import Description


def invariants(
    moments: Float[Array, "ncenters 4 width"], axis_neuron: int
) -> Float[Array, "ncenters width axis_neuron"]:
    """Σ_k m[k, a] m[k, b] for all a and the first `axis_neuron` b of Rᵀ G / N_c, the embedding's moments."""
    xp = array_namespace(moments)
    return xp.matmul(xp.matrix_transpose(moments), moments[..., :axis_neuron])


def describe_by_moments(
    moments: Float[Array, "ncenters 4 width"],
    axis_neuron: int,
    size: tuple[int, int],
    beside: Float[Array, "nframes nloc n"] | None = None,
) -> Description:
    """The description made of moments, and what is appended to its invariant part; `size` is (nframes, nloc)."""
    xp = array_namespace(moments)
    width = moments.shape[2]
    invariant = xp.reshape(invariants(moments, axis_neuron), (*size, width * axis_neuron))
    if beside is not None:
        invariant = xp.concat([invariant, beside], axis=-1)
    vectors = xp.matrix_transpose(moments[:, 1:, :])
    return Description(invariant, xp.reshape(vectors, (*size, width, 3)))
