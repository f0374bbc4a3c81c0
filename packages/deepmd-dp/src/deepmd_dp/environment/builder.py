# SPDX-License-Identifier: LGPL-3.0-or-later
"""From coordinates to what a model takes: neighbor lists, displacements, atoms by type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd_dp.environment.environment import Environment
from deepmd_dp.neighbor import NeighborList, build_neighbor_list

if TYPE_CHECKING:
    from collections.abc import Sequence


def frame_neighbors(model: Any, coord: np.ndarray, box: np.ndarray | None, atype: np.ndarray) -> NeighborList:
    """The neighbor list of one frame in the layout that the model wants.

    coord (nloc, 3) [Å], box (3, 3) [Å] or None, atype (nloc,).
    """
    return build_neighbor_list(
        coord,
        box,
        atype,
        model.rcut,
        ntypes=model.ntypes,
        by_type=not model.descriptor.mixed_types,
        sel=model.list_widths,
        exclude_pairs=model.pair_exclude_types,
    )


def build_environment(
    model: Any,
    coord: np.ndarray,
    box: np.ndarray | None,
    atype: np.ndarray,
    lists: Sequence[NeighborList] | None = None,
) -> Environment:
    """The surroundings of all atoms of some frames, in NumPy.

    Parameters
    ----------
    model : Module
        Says cut-off, layout of the lists, excluded pairs.
    coord : (nframes, nloc, 3) [Å]
    box : (nframes, 3, 3) [Å] or None
    atype : (nframes, nloc) integers
    lists : sequence of NeighborList, optional
        The frames' lists where they are known already.
    """
    if lists is None:
        lists = [frame_neighbors(model, coord[f], None if box is None else box[f], atype[f]) for f in range(len(coord))]
    blocks = [_collect_block(lists, block, coord, atype, model.rcut) for block in range(len(lists[0].sections))]
    centers, restore = _atoms_by_type(atype, model.ntypes)
    return Environment(
        edge_vec=tuple(b[0] for b in blocks),
        nlist=tuple(b[1] for b in blocks),
        neighbor_type=tuple(b[2] for b in blocks),
        atype=np.asarray(atype, dtype=np.int64),
        centers=centers,
        restore=restore,
    )


def _collect_block(
    lists: Sequence[NeighborList], block: int, coord: np.ndarray, atype: np.ndarray, rcut: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Displacements, list and types of one block, as wide as the widest frame's."""
    nframes, nloc = atype.shape
    width = max(each.sections[block] for each in lists)
    nlist = np.full((nframes, nloc, width), -1, dtype=np.int64)
    edge_vec = np.zeros((nframes, nloc, width, 3))
    edge_vec[..., 0] = 2.0 * rcut  # an empty slot is a neighbor beyond the cut-off
    for f, each in enumerate(lists):
        start = sum(each.sections[:block])
        own = slice(start, start + each.sections[block])
        found = each.nlist[:, own]
        size = found.shape[1]
        nlist[f, :, :size] = found
        vectors = coord[f][np.maximum(found, 0)] + each.shift[:, own] - coord[f][:, None, :]
        np.copyto(edge_vec[f, :, :size], vectors, where=(found >= 0)[..., None])
    types = np.maximum(atype, 0)
    neighbor_type = np.stack([types[f][np.maximum(nlist[f], 0)] for f in range(nframes)])
    return edge_vec, nlist, neighbor_type


def _atoms_by_type(atype: np.ndarray, ntypes: int) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Where the atoms of each type stand, and where each atom stands in their concatenation.

    Virtual atoms go with type 0, so that every atom has its place; their energies are masked later.
    """
    flat = np.maximum(atype.ravel(), 0)
    centers = tuple(np.flatnonzero(flat == t) for t in range(ntypes))
    restore = np.empty(flat.shape, dtype=np.int64)
    restore[np.concatenate(centers)] = np.arange(flat.size)
    return centers, restore
