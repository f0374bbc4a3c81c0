# SPDX-License-Identifier: LGPL-3.0-or-later
"""Pairs of types that a descriptor or a model does not look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd_dp.dialect.array import Array, Float, Int
from deepmd_dp.dialect.array_api import array_namespace, constant, shape

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
