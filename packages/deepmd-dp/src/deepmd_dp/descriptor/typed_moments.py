# SPDX-License-Identifier: LGPL-3.0-or-later
"""Moments Σ_j R_j ⊗ G(s_j, t_j, t_i) of the neighbors of all types, by matrices: what se_atten and dpa2 share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd_dp.dialect.array import Array, Float, Int
from deepmd_dp.dialect.array_api import array_namespace, constant, shape
from deepmd_dp.dialect.moments import Basis, chebyshev_moments, environment_moments, split_switched

if TYPE_CHECKING:
    from deepmd_dp.descriptor.typed_embedding import TypedEmbedding
    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.environment.environment_matrix import Edges, EnvironmentMatrix


def empty_slot_types(env: Environment) -> Int[Array, "ncenters 1"]:
    """The type that a centre's empty slots have."""
    assert env.empty_type is not None, "an environment of lists of all types"
    xp = array_namespace(env.atype)
    return xp.reshape(xp.broadcast_to(env.empty_type[:, None], shape(env.atype)), (-1, 1))


def matrix_moments(
    embedding: TypedEmbedding,
    matrix: EnvironmentMatrix,
    env: Environment,
    edges: Edges,
    table: Float[Array, "ntypes dim"],
    basis: Basis,
    nempty: Float[Array, "ncenters ntypes"] | None = None,
) -> Float[Array, "ncenters 4 width"]:
    """The moments over all slots.

    Parameters
    ----------
    table
        The types' embedding vectors.
    nempty
        Empty slots by their types; None: all are of one, `empty_slot_types`.
    """
    xp, ntypes = array_namespace(table), embedding.ntypes
    center = xp.reshape(env.center_type, (-1,))
    is_switched = embedding.is_strip and embedding.smooth
    a = environment_moments(
        edges.edge_vec,
        edges.weights,
        edges.neighbor_type,
        edges.shift,
        edges.scale,
        settings=matrix.settings,
        basis=basis,
        nsegments=ntypes,
        switched=is_switched,
    )
    a, switched = split_switched(a) if is_switched else (a, None)
    empty = matrix.empty_rows()
    once = chebyshev_moments(empty[:, :1], empty[:, None, :], None, basis=basis)
    if nempty is None:
        of_frame = empty_slot_types(env)
        types = constant(np.arange(ntypes)[None, :], of_frame)  # xp.arange would stand on the default device
        nempty = xp.astype(xp.equal(of_frame, types), a.dtype) * edges.nempty[:, None]
    a = a + xp.take(once, center, axis=0) * nempty[:, None, :, None]
    return embedding.embed(a, switched, center, table, basis)
