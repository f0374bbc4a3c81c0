# SPDX-License-Identifier: LGPL-3.0-or-later
"""From the moments of the embedded neighbors to rotational invariants."""

from __future__ import annotations

from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.module import Array


def invariants(moments: Array, axis_neuron: int) -> Array:
    """Σ_k m[k, a] m[k, b] for all a and the first `axis_neuron` b.

    Parameters
    ----------
    moments : Array, (n, 4, M)
        Rᵀ G / N_c: radial and directional moments of the embedding.

    Returns
    -------
    Array, (n, M, axis_neuron)
    """
    xp = array_namespace(moments)
    return xp.matmul(xp.matrix_transpose(moments), moments[..., :axis_neuron])
