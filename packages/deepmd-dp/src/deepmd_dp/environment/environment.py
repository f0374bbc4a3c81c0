# SPDX-License-Identifier: LGPL-3.0-or-later
"""What every model takes: the surroundings of the local atoms, as displacements."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deepmd_dp.dialect import ops
from deepmd_dp.dialect.array import Array, Float, Int
from deepmd_dp.dialect.array_api import array_namespace, constant, shape
from deepmd_dp.dialect.module import Module, module, static

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class ListSpec(NamedTuple):
    """A neighbor list that a descriptor asks for; equal ones are built once and shared.

    Attributes
    ----------
    rcut : float
        Cut-off radius [Å].
    by_type : bool
        Whether each type of neighbor has a block of its own; else there is one block.
    widths : tuple of int or None
        Exact widths of the blocks, which hold the nearest; None: as wide as needed. Only models whose statistics
        differ from slot to slot ask for them.
    """

    rcut: float
    by_type: bool
    widths: tuple[int, ...] | None = None


def widest(lists: Iterable[tuple[ListSpec, tuple[int, ...]]]) -> dict[ListSpec, tuple[int, ...]]:
    """Lists, no two the same, each with its largest `sel`."""
    found: dict[ListSpec, tuple[int, ...]] = {}
    for spec, sel in lists:
        found[spec] = tuple(map(max, sel, found.get(spec, sel)))
    return found


UNBOUNDED = 1e3
"""A cut-off that means none [Å]: all atoms of a frame are neighbors, and its cell is not looked at."""


@module
class NeighborBlock(Module):
    """Neighbors of the local atoms, all of them or those of one type.

    Attributes
    ----------
    edge_vec : [Å]
        r_j - r_i; of any value beyond the cut-off, not zero, in an empty slot.
    nlist
        Neighbor's index among all atoms (of which it may be a periodic image), -1 in an empty slot.
    neighbor_type
        Neighbor's type, in an empty slot the frame's `empty_type`; None where the block is of one type.
    """

    edge_vec: Float[Array, "nframes nloc nnei 3"]
    nlist: Int[Array, "nframes nloc nnei"]
    neighbor_type: Int[Array, "nframes nloc nnei"] | None = None


@module
class Environment(Module):
    """Surroundings of the local atoms of a batch of frames. What a model does not use is None or ().

    Attributes
    ----------
    lists
        The blocks of each list in `specs`.
    atype
        Type of each local atom, -1: virtual, without an output.
    centers
        For each type where these atoms stand in the row of all local atoms; virtual atoms go with type 0.
    restore
        Where each atom stands in the concatenated `centers`.
    empty_type
        Type that empty slots of mixed lists have: with deepmd-kit that of the frame's first atom. Of the frame, so
        that it does not change where a program sorts its atoms or works on blocks of them.
    mapping
        Local atom of which each atom is an image; the first nloc atoms are the local ones. None: there are no others.
    owned
        1 for atoms whose outputs count; 0 for those whose features only are needed. None: all count.
    charge_spin
        Total charge [e] and spin of each frame, see `deepmd.charge_spin`.
    kept
        Above 0 for atoms that are there; others are there to fill up, as the data's mask says. None: all are.
    """

    lists: tuple[tuple[NeighborBlock, ...], ...]
    atype: Int[Array, "nframes nloc"]
    centers: tuple[Int[Array, "_"], ...] = ()
    restore: Int[Array, "ncenters"] | None = None
    empty_type: Int[Array, "nframes"] | None = None
    mapping: Int[Array, "nframes nall"] | None = None
    owned: Float[Array, "nframes nloc"] | None = None
    charge_spin: Int[Array, "nframes 2"] | None = None
    kept: Float[Array, "nframes nloc"] | None = None
    specs: tuple[ListSpec, ...] = static()

    def blocks(self, spec: ListSpec) -> tuple[NeighborBlock, ...]:
        """The blocks of a list."""
        return self.lists[self.specs.index(spec)]

    def map_blocks(self, change: Callable[[NeighborBlock, int, ListSpec], NeighborBlock]) -> Environment:
        """The same with each block changed, by its number in its list and what list that is."""
        lists = tuple(
            tuple(change(block, index, spec) for index, block in enumerate(blocks))
            for spec, blocks in zip(self.specs, self.lists, strict=True)
        )
        return replace(self, lists=lists)

    @property
    def center_type(self) -> Int[Array, "nframes nloc"]:
        """Types with 0 for virtual atoms, so that they can index tables."""
        xp = array_namespace(self.atype)
        return xp.where(self.atype < 0, xp.zeros_like(self.atype), self.atype)

    def of_centers(self, table: Float[Array, "ntypes n"]) -> Float[Array, "nframes nloc n"]:
        """For each local atom the row of its type."""
        xp = array_namespace(table)
        rows = xp.take(table, xp.reshape(self.center_type, (-1,)), axis=0)
        return xp.reshape(rows, (*shape(self.atype), table.shape[1]))


def assemble(parts: list[Float[Array, "_ *tail"]], env: Environment) -> Float[Array, "ncenters *tail"]:
    """Rows computed for the atoms of each type, in the order of the atoms again.

    Parameters
    ----------
    parts
        Rows of the atoms in ``env.centers``, one array a type; virtual atoms have the rows that they have among type 0.
    """
    xp = array_namespace(parts[0])
    return xp.take(xp.concat(parts, axis=0), env.restore, axis=0)


def neighbor_features(
    features: Float[Array, "nframes nloc dim"], block: NeighborBlock, env: Environment
) -> Float[Array, "nframes nloc nnei dim"]:
    """Features of the neighbors, of features of the local atoms.

    An empty slot has those of the first atom. The one place where features go from atom to atom: a program that runs
    on several ranks exchanges them here.
    """
    xp = array_namespace(block.nlist)
    if env.mapping is not None:
        features = ops.gather_rows(features, env.mapping)
    index = xp.where(block.nlist < 0, xp.zeros_like(block.nlist), block.nlist)
    return ops.gather_rows(features, index)


def without_masked(env: Environment) -> Environment:
    """The surroundings in which atoms that the mask leaves out see nobody, and nobody sees them."""
    if env.kept is None:
        return env
    return env.map_blocks(lambda block, _, spec: _without_masked(block, spec, env))


def _without_masked(block: NeighborBlock, spec: ListSpec, env: Environment) -> NeighborBlock:
    """Slots of masked neighbors, and all of a masked centre, are empty."""
    assert env.kept is not None
    xp = array_namespace(block.edge_vec)
    neighbor = neighbor_features(env.kept[:, :, None], block, env)[..., 0]
    is_there = xp.where(neighbor > 0, env.kept[:, :, None] + xp.zeros_like(neighbor), xp.zeros_like(neighbor)) > 0
    beyond = constant(np.array([2.0 * spec.rcut, 0.0, 0.0]), like=block.edge_vec)
    return replace(
        block,
        nlist=xp.where(is_there, block.nlist, -xp.ones_like(block.nlist)),
        edge_vec=xp.where(is_there[..., None], block.edge_vec, beyond + xp.zeros_like(block.edge_vec)),
    )
