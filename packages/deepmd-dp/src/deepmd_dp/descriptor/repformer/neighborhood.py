# SPDX-License-Identifier: LGPL-3.0-or-later
"""What all layers of a repformer know of the edges, computed once."""

from __future__ import annotations

from typing import NamedTuple

from deepmd_dp.descriptor.message_passing import gather_neighbors
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.environment.environment import Environment, NeighborBlock

_PROTECTION = 1e-4
"""Added to the number of neighbors, of which there may be none."""


class Neighborhood(NamedTuple):
    """The edges of all centres.

    With `smooth` an edge enters each sum with its switch, and sums are divided by the number of slots; without it an
    edge counts 1, and sums are divided by the number of neighbors.
    """

    env: Environment
    block: NeighborBlock
    kept: Float[Array, "ncenters nnei"]  # 1: a neighbor that is looked at, 0: not
    factor: Float[Array, "ncenters nnei"]  # with which an edge enters a sum
    per_neighbor: Float[Array, "ncenters 1 1"]  # divisor of a mean over neighbors, inverted
    per_moment: Float[Array, "ncenters 1 1"]  # likewise, of the moments: of the number or of its square root
    rest: Float[Array, "ncenters 1"]  # slots that count in a softmax besides
    pair_switch: Float[Array, "ncenters nnei 1 nnei"] | None  # s_j s_k of the edges of an atom; None: not smooth
    smooth: bool

    @classmethod
    def of(
        cls,
        env: Environment,
        block: NeighborBlock,
        kept: Float[Array, "ncenters nnei"],
        switch: Float[Array, "ncenters nnei"],
        nsel: int,
        *,
        sqrt: bool,
        smooth: bool,
    ) -> Neighborhood:
        """Of neighbors and their switch; nsel: slots of the contract's list; sqrt: see `per_moment`."""
        xp = array_namespace(kept)
        count = xp.sum(kept, axis=-1, keepdims=True)
        if smooth:
            number = float(nsel) * xp.ones_like(count)
            root = xp.sqrt(number)
            rest = number - count
        else:
            number, root = count + _PROTECTION, xp.sqrt(count) + _PROTECTION
            rest = xp.zeros_like(count)
        per_neighbor, per_root = 1.0 / number[:, :, None], 1.0 / root[:, :, None]
        return cls(
            env,
            block,
            kept,
            factor=switch if smooth else kept,
            per_neighbor=per_neighbor,
            per_moment=per_root if sqrt else per_neighbor,
            rest=rest,
            pair_switch=switch[:, :, None, None] * switch[:, None, None, :] if smooth else None,
            smooth=smooth,
        )

    def gather(self, features: Float[Array, "ncenters dim"]) -> Float[Array, "ncenters nnei dim"]:
        """Features of the neighbors."""
        return gather_neighbors(features, self.block, self.env)
