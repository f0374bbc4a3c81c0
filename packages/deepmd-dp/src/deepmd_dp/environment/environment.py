# SPDX-License-Identifier: LGPL-3.0-or-later
"""What every model takes: the surroundings of the local atoms, as displacements."""

from __future__ import annotations

from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.module import Array, Module, module


@module
class Environment(Module):
    """Surroundings of the local atoms of a batch of frames.

    The neighbors come in blocks: one block with the neighbors of all types where the
    descriptor has the same nets for all of them, else a block for each type of neighbor.
    A block is as wide as the fullest list needs; empty slots lie beyond every cut-off.

    Attributes
    ----------
    edge_vec : tuple of Array, (nframes, nloc, nnei, 3) [Å]
        r_j - r_i of each block; of any value beyond the cut-off, not zero, in an empty slot.
    nlist : tuple of Array, (nframes, nloc, nnei) integers
        Neighbor's index among the local atoms (of which it may be a periodic image), -1 in an empty slot.
    neighbor_type : tuple of Array, (nframes, nloc, nnei) integers
        Neighbor's type; in an empty slot the type of the frame's first atom, as deepmd-kit has it.
    atype : Array, (nframes, nloc) integers
        Type of each local atom, -1: virtual, without an energy.
    centers : tuple of Array, (natoms of this type,) integers
        For each type where these atoms stand in the flattened (nframes * nloc,); virtual atoms go with type 0.
    restore : Array, (nframes * nloc,) integers
        Where each atom stands in the concatenated `centers`.
    """

    edge_vec: tuple[Array, ...]
    nlist: tuple[Array, ...]
    neighbor_type: tuple[Array, ...]
    atype: Array
    centers: tuple[Array, ...]
    restore: Array

    @property
    def center_type(self) -> Array:
        """Types with 0 for virtual atoms, so that they can index tables."""
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
