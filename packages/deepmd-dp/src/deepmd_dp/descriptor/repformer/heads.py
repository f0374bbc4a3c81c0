# SPDX-License-Identifier: LGPL-3.0-or-later
"""The maps of attention's heads, multiplied with each other before they meet an edge.

Queries and keys are only used as q·k = x (Q_h K_hᵀ) y, values and the map of the heads as Σ_h (Σ_j a_hj y_j) V_h H_h.
So there is one matrix a head on either side of the attention weights, and what is done for each edge is a product of
its features with these weights: no query, key or value of an edge is ever formed.
"""

from __future__ import annotations

from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace


def split_heads(w: Float[Array, "nin n"], nhead: int) -> Float[Array, "nhead nin nout"]:
    """A matrix a head of the contract's matrix with nout * nhead columns, which stand at c * nhead + h."""
    xp = array_namespace(w)
    nin, nout = w.shape[0], w.shape[1] // nhead
    return xp.reshape(xp.matrix_transpose(xp.reshape(w, (nin * nout, nhead))), (nhead, nin, nout))


def query_key_map(
    q: Float[Array, "nhead n dim"], k: Float[Array, "nhead m dim"], hidden_dim: int
) -> Float[Array, "n nhead*m"]:
    """Q_h K_hᵀ / √d of the heads side by side; hidden_dim: d, the keys' width.

    A size that torch traces would make the root a number of single precision.
    """
    xp = array_namespace(q)
    nhead, nk, _ = k.shape
    products = xp.matmul(k, xp.matrix_transpose(q)) * hidden_dim**-0.5
    return xp.matrix_transpose(xp.reshape(products, (nhead * nk, q.shape[1])))


def value_head_map(
    v: Float[Array, "nhead nin dim"], heads: Float[Array, "nhead dim nout"]
) -> Float[Array, "nhead*nin nout"]:
    """V_h H_h of the heads, one below the other."""
    xp = array_namespace(v)
    return xp.reshape(xp.matmul(v, heads), (v.shape[0] * v.shape[1], heads.shape[2]))
