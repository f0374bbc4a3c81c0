# SPDX-License-Identifier: LGPL-3.0-or-later
"""Pairs of types that a descriptor or a model does not look at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from deepmd_dp.dialect.array import Array, Float, Int
from deepmd_dp.dialect.array_api import array_namespace, constant, shape
from deepmd_dp.environment.environment import Environment, ListSpec, NeighborBlock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


Pairs = tuple[tuple[int, int], ...]


def as_pairs(exclude_types: Iterable[Sequence[int]]) -> Pairs:
    """The list of an input or a file as a hashable setting."""
    return tuple((int(i), int(j)) for i, j in exclude_types)


def pair_weights(
    center_type: Int[Array, "ncenters"],
    neighbor_type: Int[Array, "ncenters nnei"] | int,
    exclude_types: Pairs,
    ntypes: int,
    like: Array,
) -> Float[Array, "ncenters #nnei"]:
    """1 for each slot whose pair of types is looked at, 0 for an excluded one.

    Parameters
    ----------
    neighbor_type
        One number where all neighbors are of this type.
    like
        Of the library and the type wanted.
    """
    xp = array_namespace(center_type)
    table = np.ones((ntypes, ntypes))
    for i, j in exclude_types:
        table[i, j] = table[j, i] = 0.0
    pair = center_type[:, None] * ntypes + neighbor_type
    weights = xp.take(constant(table.ravel(), like), xp.reshape(pair, (-1,)), axis=0)
    return xp.reshape(weights, shape(pair))


def without_pairs(env: Environment, exclude_types: Pairs, ntypes: int) -> Environment:
    """The same environment whose lists have empty slots where these pairs stood."""
    return env.map_blocks(lambda block, index, spec: _without(block, index, spec, env, exclude_types, ntypes))


def _without(
    block: NeighborBlock, index: int, spec: ListSpec, env: Environment, exclude_types: Pairs, ntypes: int
) -> NeighborBlock:
    xp, size = array_namespace(block.edge_vec), shape(block.nlist)
    center = xp.reshape(env.center_type, (-1,))
    neighbor = index if block.neighbor_type is None else xp.reshape(block.neighbor_type, (-1, size[2]))
    weights = pair_weights(center, neighbor, exclude_types, ntypes, like=block.edge_vec)
    kept = xp.reshape(weights, (size[0], size[1], -1)) > 0.0
    far = constant(np.array([2.0 * spec.rcut, 0.0, 0.0]), like=block.edge_vec)
    return replace(
        block,
        nlist=xp.where(kept, block.nlist, -xp.ones_like(block.nlist)),
        edge_vec=xp.where(kept[..., None], block.edge_vec, far),
    )
