# SPDX-License-Identifier: LGPL-3.0-or-later
"""What every model takes: the surroundings of the local atoms, as displacements."""

from __future__ import annotations

from typing import NamedTuple

from deepmd_dp.dialect import ops
from deepmd_dp.dialect.array import Array
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.module import Module, module, static


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


@module
class NeighborBlock(Module):
    """Neighbors of the local atoms, all of them or those of one type.

    Attributes
    ----------
    edge_vec : Array, (nframes, nloc, nnei, 3) [Å]
        r_j - r_i; of any value beyond the cut-off, not zero, in an empty slot.
    nlist : Array, (nframes, nloc, nnei) integers
        Neighbor's index among all atoms (of which it may be a periodic image), -1 in an empty slot.
    neighbor_type : Array or None, (nframes, nloc, nnei) integers
        Neighbor's type, in an empty slot the frame's `empty_type`; None where the block is of one type.
    """

    edge_vec: Array
    nlist: Array
    neighbor_type: Array | None = None


@module
class Environment(Module):
    """Surroundings of the local atoms of a batch of frames. What a model does not use is None or ().

    Attributes
    ----------
    lists : tuple of tuples of NeighborBlock
        The blocks of each list in `specs`.
    atype : Array, (nframes, nloc) integers
        Type of each local atom, -1: virtual, without an output.
    centers : tuple of Array, (natoms of this type,) integers
        For each type where these atoms stand in the flattened (nframes * nloc,); virtual atoms go with type 0.
    restore : Array or None, (nframes * nloc,) integers
        Where each atom stands in the concatenated `centers`.
    empty_type : Array or None, (nframes,) integers
        Type that empty slots of mixed lists have: with deepmd-kit that of the frame's first atom. Of the frame, so
        that it does not change where a program sorts its atoms or works on blocks of them.
    mapping : Array or None, (nframes, nall) integers
        Local atom of which each atom is an image; the first nloc atoms are the local ones. None: there are no others.
    owned : Array or None, (nframes, nloc) float64
        1 for atoms whose outputs count; 0 for those whose features only are needed. None: all count.
    specs : tuple of ListSpec
    """

    lists: tuple[tuple[NeighborBlock, ...], ...]
    atype: Array
    centers: tuple[Array, ...] = ()
    restore: Array | None = None
    empty_type: Array | None = None
    mapping: Array | None = None
    owned: Array | None = None
    specs: tuple[ListSpec, ...] = static()

    def blocks(self, spec: ListSpec) -> tuple[NeighborBlock, ...]:
        """The blocks of a list."""
        return self.lists[self.specs.index(spec)]

    @property
    def center_type(self) -> Array:
        """Types with 0 for virtual atoms, so that they can index tables, (nframes, nloc)."""
        xp = array_namespace(self.atype)
        return xp.where(self.atype < 0, xp.zeros_like(self.atype), self.atype)


def assemble(parts: list[Array], env: Environment) -> Array:
    """Rows computed for the atoms of each type, in the order of the atoms again.

    Parameters
    ----------
    parts : list of Array, (natoms of this type, ...)
        Rows of the atoms in ``env.centers``, one array a type.

    Returns
    -------
    Array, (nframes * nloc, ...)
        Virtual atoms have the rows that they have among type 0.
    """
    xp = array_namespace(parts[0])
    return xp.take(xp.concat(parts, axis=0), env.restore, axis=0)


def neighbor_features(features: Array, block: NeighborBlock, env: Environment) -> Array:
    """Features of the neighbors, (nframes, nloc, nnei, d), of features of the local atoms (nframes, nloc, d).

    An empty slot has those of the first atom. The one place where features go from atom to atom: a program that runs
    on several ranks exchanges them here.
    """
    xp = array_namespace(block.nlist)
    if env.mapping is not None:
        features = ops.gather_rows(features, env.mapping)
    index = xp.where(block.nlist < 0, xp.zeros_like(block.nlist), block.nlist)
    return ops.gather_rows(features, index)
