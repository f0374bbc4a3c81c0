# SPDX-License-Identifier: LGPL-3.0-or-later
"""Virtual atoms that stand on their atoms, where a spin is zero: seen from two opposite sides.

The distance from an atom has a kink there: its derivative is the direction in which one goes. Where all else is
smooth, the mean over two opposite sides is the derivative that is left, and that is what deepmd-kit gives, whose
derivative of a distance is 0 at 0. So such neighbors are moved a bit to one side, then to the other: no kernel
divides by 0 (decision record 0029).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.environment.environment import Environment, ListSpec, NeighborBlock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deepmd_dp.interface import Model

ASIDE = 1e-30
"""How far a neighbor is moved that stands on an atom [Å]: its square is a number still, and nothing else feels it."""
_IS_ASIDE = 1e-50
"""Square of a distance below which neighbors have been moved [Å²]."""


def sides(env: Environment, model: Model) -> tuple[Environment, ...]:
    """The environment, of NumPy arrays, from each side where virtual atoms stand on their atoms; else as it is."""
    if model.expansion is None or not model.expansion.reaches_zero:
        return (env,)
    blocks = list(_moved(env, model.expansion.ntypes))
    if not any(is_moved for _, is_moved in blocks):
        return (env,)
    rest = iter(block for block, _ in blocks)
    one = replace(env, lists=tuple(tuple(next(rest) for _ in own) for own in env.lists))
    return one, other_side(one)


def _moved(env: Environment, ntypes: int) -> Iterator[tuple[NeighborBlock, bool]]:
    """Each block with neighbors on their atoms moved, and whether there were any; atoms on atoms stay there."""
    center = np.asarray(env.atype)[:, :, None]
    for blocks in env.lists:
        for index, block in enumerate(blocks):
            edge_vec, nlist = np.asarray(block.edge_vec), np.asarray(block.nlist)
            neighbor = index if block.neighbor_type is None else np.asarray(block.neighbor_type)
            is_on_it = (nlist >= 0) & (np.abs(neighbor - center) == ntypes) & ~edge_vec.any(axis=-1)
            aside = np.where(is_on_it[..., None], [ASIDE, 0.0, 0.0], edge_vec)
            yield replace(block, edge_vec=aside), bool(is_on_it.any())


def other_side(env: Environment) -> Environment:
    """The environment, of any library's arrays, with neighbors that were moved on the opposite sides."""

    def turned(block: NeighborBlock, _: int, __: ListSpec) -> NeighborBlock:
        xp = array_namespace(block.edge_vec)
        square = xp.sum(block.edge_vec * block.edge_vec, axis=-1, keepdims=True)
        return replace(block, edge_vec=xp.where(square < _IS_ASIDE, -block.edge_vec, block.edge_vec))

    return env.map_blocks(turned)
