# SPDX-License-Identifier: LGPL-3.0-or-later
"""From coordinates to what a model takes: neighbor lists, displacements, atoms by type."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from deepmd_dp.dialect.array import Float, Int
from deepmd_dp.environment.charge_spin import default_rows
from deepmd_dp.environment.environment import UNBOUNDED, Environment, ListSpec, NeighborBlock
from deepmd_dp.environment.groups import list_in_groups
from deepmd_dp.neighbor import NeighborList, build_neighbor_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepmd_dp.interface import Model

Lists = tuple[NeighborList, ...]
"""The lists of one frame, one for each `ListSpec`."""


def frame_neighbors(
    model: Model,
    coord: Float[np.ndarray, "natoms 3"],
    box: Float[np.ndarray, "3 3"] | None,
    atype: Int[np.ndarray, "natoms"],
    nthreads: int = 1,
    group: Int[np.ndarray, "natoms"] | None = None,
) -> Lists:
    """The neighbor lists of one frame that the model wants; coord and box [Å].

    Parameters
    ----------
    group
        Atoms see those of their own group; -1: nobody. None: all see each other.
    """

    def build(spec: ListSpec, coord: np.ndarray, atype: np.ndarray) -> NeighborList:
        return build_neighbor_list(
            coord,
            box if spec.rcut < UNBOUNDED else None,
            atype,
            spec.rcut,
            ntypes=model.ntypes,
            by_type=spec.by_type,
            sel=spec.widths,
            exclude_pairs=model.pair_exclude_types,
            nthreads=nthreads,
        )

    if group is None:
        return tuple(build(spec, coord, atype) for spec in model.lists)

    def build_some(spec: ListSpec, rows: Int[np.ndarray, "_"]) -> NeighborList:
        return build(spec, coord[rows], atype[rows])

    return tuple(list_in_groups(partial(build_some, spec), group) for spec in model.lists)


def all_neighbors(
    model: Model,
    coord: Float[np.ndarray, "nframes natoms 3"],
    box: Float[np.ndarray, "nframes 3 3"] | None,
    atype: Int[np.ndarray, "nframes natoms"],
    group: Int[np.ndarray, "nframes natoms"] | None = None,
) -> list[Lists]:
    """The neighbor lists of some frames; coord and box [Å], for `group` see `frame_neighbors`."""
    return [
        frame_neighbors(
            model,
            coord[f],
            None if box is None else box[f],
            atype[f],
            group=None if group is None else group[f],
        )
        for f in range(len(coord))
    ]


def build_environment(
    model: Model,
    coord: Float[np.ndarray, "nframes nall 3"],
    box: Float[np.ndarray, "nframes 3 3"] | None,
    atype: Int[np.ndarray, "nframes nall"],
    frames: Sequence[Lists] | None = None,
    empty_type: Int[np.ndarray, "nframes"] | None = None,
) -> Environment:
    """The surroundings of atoms of some frames, in NumPy; their charge and spin are the model's default.

    Parameters
    ----------
    coord, box : [Å]
    frames
        The frames' neighbor lists where they are known already. Where they have fewer rows than there are atoms, those
        are the local atoms, which come first; the others are ghosts.
    empty_type
        See `Environment`; by default the type of the first atom.
    """
    if frames is None:
        frames = all_neighbors(model, coord, box, atype)
    nloc = len(frames[0][0].nlist)
    if empty_type is None:
        empty_type = np.max(atype[:, :1], axis=1, initial=0)
    centers, restore = atoms_by_type(atype[:, :nloc], model.ntypes) if model.uses_type_index else ((), None)
    return Environment(
        lists=tuple(
            tuple(
                _collect_block([lists[k] for lists in frames], block, spec, coord, atype, empty_type)
                for block in range(len(frames[0][k].sections))
            )
            for k, spec in enumerate(model.lists)
        ),
        atype=np.asarray(atype[:, :nloc], dtype=np.int64),
        centers=centers,
        restore=restore,
        empty_type=None if all(spec.by_type for spec in model.lists) else empty_type.astype(np.int64),
        charge_spin=default_rows(model, len(coord)),
        specs=model.lists,
    )


def _collect_block(
    lists: Sequence[NeighborList],
    block: int,
    spec: ListSpec,
    coord: np.ndarray,
    atype: np.ndarray,
    empty_type: np.ndarray,
) -> NeighborBlock:
    """Displacements, list and types of one block, as wide as the widest frame's."""
    nframes, nloc = len(lists), len(lists[0].nlist)
    width = max(each.sections[block] for each in lists)
    nlist = np.full((nframes, nloc, width), -1, dtype=np.int64)
    edge_vec = np.zeros((nframes, nloc, width, 3))
    edge_vec[..., 0] = 2.0 * spec.rcut  # an empty slot is a neighbor beyond the cut-off
    for f, each in enumerate(lists):
        start = sum(each.sections[:block])
        own = slice(start, start + each.sections[block])
        found = each.nlist[:, own]
        size = found.shape[1]
        nlist[f, :, :size] = found
        vectors = coord[f][np.maximum(found, 0)] + each.shift[:, own] - coord[f][:nloc, None, :]
        np.copyto(edge_vec[f, :, :size], vectors, where=(found >= 0)[..., None])
    if spec.by_type:
        return NeighborBlock(edge_vec=edge_vec, nlist=nlist)
    types = np.stack([np.maximum(atype[f], 0)[np.maximum(nlist[f], 0)] for f in range(nframes)])
    neighbor_type = np.where(nlist < 0, empty_type[:, None, None], types)
    return NeighborBlock(edge_vec=edge_vec, nlist=nlist, neighbor_type=neighbor_type)


def smallest_distance(env: Environment) -> float:
    """Between two neighbors in the lists, of a NumPy environment [Å]; infinite where there are none."""
    smallest = np.inf
    for block in (block for blocks in env.lists for block in blocks):
        distance = np.linalg.norm(np.asarray(block.edge_vec), axis=-1)
        smallest = np.min(distance, initial=smallest, where=np.asarray(block.nlist) >= 0)
    return float(smallest)


def atoms_by_type(
    atype: Int[np.ndarray, "nframes nloc"], ntypes: int
) -> tuple[tuple[Int[np.ndarray, "_"], ...], Int[np.ndarray, "ncenters"]]:
    """Where the atoms of each type stand, and where each atom stands in their concatenation.

    Virtual atoms go with type 0, so that every atom has its place; their outputs are masked later.
    """
    flat = np.maximum(atype.ravel(), 0)
    centers = tuple(np.flatnonzero(flat == t) for t in range(ntypes))
    restore = np.empty(flat.shape, dtype=np.int64)
    restore[np.concatenate(centers)] = np.arange(flat.size)
    return centers, restore
