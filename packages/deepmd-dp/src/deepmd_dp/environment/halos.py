# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frames of models that pass messages in blocks of atoms, each with a halo: the atoms that messages reach it from.

What the model gives of a block's own atoms is exact. The halo's atoms are computed with them, and in each block that
they surround anew: less memory for more work (decision record 0014).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deepmd_dp.dialect.array import Float, Int
from deepmd_dp.environment.parts import Part, first, renumbered_part

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deepmd_dp.environment.builder import Lists
    from deepmd_dp.interface import Model

_FEWEST = 16
"""Own atoms of a block below which there is nearly nothing but halo."""


class Block(NamedTuple):
    """Atoms whose outputs count, and these with all that messages come from; indices into the frame."""

    own: Int[np.ndarray, "_"]
    local: Int[np.ndarray, "_"]


def halo_blocks(
    model: Model,
    lists: Lists,
    coord: Float[np.ndarray, "natoms 3"],
    box: Float[np.ndarray, "3 3"] | None,
    most: float,
) -> list[Block]:
    """As few blocks as have at most so many local atoms; where no blocks do, the smallest that there are.

    Parameters
    ----------
    model : Model
    lists : Lists
        The frame's.
    coord, box : [Å]
    most : float
    """
    nlists = [lists[model.lists.index(spec)].nlist for spec in model.messages]
    groups = [np.arange(len(coord))]
    position = _inside(coord, box)
    while True:
        groups = [half for group in groups for half in _halved(group, position)]
        blocks = [Block(own, _with_halo(own, nlists)) for own in groups]
        if most_local(blocks) <= most or min(map(len, groups)) < 2 * _FEWEST:
            return blocks


def most_local(blocks: Sequence[Block]) -> int:
    """Local atoms of the largest block."""
    return max(len(block.local) for block in blocks)


def parts_with_halos(
    model: Model,
    coord: Float[np.ndarray, "1 natoms 3"],
    box: Float[np.ndarray, "1 3 3"] | None,
    atype: Int[np.ndarray, "1 natoms"],
    lists: Lists,
    blocks: Sequence[Block],
) -> Iterator[Part]:
    """The blocks as parts of one frame; arguments as in `build_environment`, of one frame.

    All have the same number of local atoms, for which one program is made: what lacks are any other atoms.
    """
    nloc, natoms = most_local(blocks), atype.shape[1]
    for own, local in blocks:
        order = first(first(np.arange(natoms), local), own)
        part = renumbered_part(model, coord, box, atype, [lists], order, nloc, np.maximum(atype[:, 0], 0))
        index = np.arange(natoms)[None, :]
        env = replace(
            part.env,
            owned=(index[:, :nloc] < len(own)).astype(np.float64),
            # others stand for atoms that are not there: their features reach none of the block's own
            mapping=np.where(index < nloc, index, 0),
        )
        yield Part(env, order, len(own))


def _inside(coord: np.ndarray, box: np.ndarray | None) -> np.ndarray:
    """The positions, moved into the cell."""
    if box is None:
        return coord
    fractional = coord @ np.linalg.inv(box)
    moved: np.ndarray = (fractional - np.floor(fractional)) @ box
    return moved


def _halved(group: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two halves of some atoms, along the axis on which they lie furthest apart."""
    axis = np.argmax(np.ptp(position[group], axis=0))
    order = group[np.argsort(position[group, axis], kind="stable")]
    return order[: len(order) // 2], order[len(order) // 2 :]


def _with_halo(own: np.ndarray, nlists: Sequence[np.ndarray]) -> np.ndarray:
    """The atoms, and those from which messages reach them along one list after the other."""
    is_local = np.zeros(len(nlists[0]), dtype=bool)
    is_local[own] = True
    for nlist in reversed(nlists):
        neighbors = nlist[is_local]
        is_local[neighbors[neighbors >= 0]] = True
    return np.flatnonzero(is_local)
