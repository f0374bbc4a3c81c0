# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frames in parts: some atoms are local, all others their ghosts, so that the memory does not grow with the frame."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deepmd_dp.dialect.array import Float, Int
from deepmd_dp.environment.builder import all_neighbors, build_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deepmd_dp.environment.builder import Lists
    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.interface import Model
    from deepmd_dp.neighbor import NeighborList


class Part(NamedTuple):
    """Some atoms of frames and what surrounds them.

    Attributes
    ----------
    env
        Its local atoms are the part's, its lists refer to all atoms in this part's order.
    order
        The atoms, those of the part first; numbers from natoms on are virtual ones that fill the last part up.
    nown : int
        Local atoms, the first ones, whose outputs are the part's; others are there for their features.
    """

    env: Environment
    order: Int[np.ndarray, "nall"]
    nown: int

    @classmethod
    def whole(cls, env: Environment) -> Part:
        """All atoms in one."""
        natoms = env.atype.shape[1]
        return cls(env, np.arange(natoms), natoms)

    def rows_of(
        self, values: Float[np.ndarray, "nframes natoms naparam"] | None
    ) -> Float[np.ndarray, "nframes nloc naparam"] | None:
        """What of the atoms' parameters, where there are any, belongs to the part's atoms, 0 for virtual ones."""
        if values is None:
            return None
        own = self.order[: self.env.atype.shape[1]]
        rows = np.zeros((len(values), len(own), values.shape[2]))
        is_real = own < values.shape[1]
        rows[:, is_real] = values[:, own[is_real]]
        return rows


def frame_parts(
    model: Model,
    coord: Float[np.ndarray, "nframes natoms 3"],
    box: Float[np.ndarray, "nframes 3 3"] | None,
    atype: Int[np.ndarray, "nframes natoms"],
    found: Sequence[Lists],
    size: int,
) -> Iterator[Part]:
    """The frames' atoms in parts of `size` atoms; `found` are the frames' lists, the rest is as in `build_environment`.

    All parts have the same size, and of each type as many atoms to one, in the first frame: so a program compiled for
    fixed sizes serves them all.
    """
    missing = -atype.shape[1] % size
    empty_type = np.maximum(atype[:, 0], 0)
    frames = [tuple(_lengthen(each, missing) for each in lists) for lists in found]
    coord = np.pad(coord, ((0, 0), (0, missing), (0, 0)))
    atype = np.pad(atype, ((0, 0), (0, missing)), constant_values=-1)
    natoms = atype.shape[1]
    by_type, nparts = np.argsort(atype[0], kind="stable"), natoms // size
    for start in range(nparts):
        order = first(np.arange(natoms), by_type[start::nparts])
        yield renumbered_part(model, coord, box, atype, frames, order, size, empty_type)


def first(order: Int[np.ndarray, "natoms"], chosen: Int[np.ndarray, "_"]) -> Int[np.ndarray, "natoms"]:
    """The order with some of its atoms first, in time linear in all."""
    rest = np.ones(len(order), dtype=bool)
    rest[chosen] = False
    return np.concatenate([chosen, order[rest[order]]])


def renumbered_part(
    model: Model,
    coord: Float[np.ndarray, "nframes nall 3"],
    box: Float[np.ndarray, "nframes 3 3"] | None,
    atype: Int[np.ndarray, "nframes nall"],
    frames: Sequence[Lists],
    order: Int[np.ndarray, "nall"],
    nloc: int,
    empty_type: Int[np.ndarray, "nframes"],
) -> Part:
    """The first `nloc` of all atoms in a new order, the others being ghosts; the rest is as in `build_environment`."""
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    own = [_rows_of(lists, order[:nloc], place) for lists in frames]
    env = build_environment(model, coord[:, order], box, atype[:, order], own, empty_type)
    return Part(replace(env, mapping=np.tile(np.arange(len(order)), (len(atype), 1))), order, nloc)


def _lengthen(found: NeighborList, nrows: int) -> NeighborList:
    """The list with rows for atoms without neighbors."""
    nlist = np.pad(found.nlist, ((0, nrows), (0, 0)), constant_values=-1)
    return replace(found, nlist=nlist, shift=np.pad(found.shift, ((0, nrows), (0, 0), (0, 0))))


def _rows_of(lists: Lists, rows: np.ndarray, place: np.ndarray) -> Lists:
    """The lists of some atoms, with all atoms numbered anew."""
    return tuple(
        replace(each, nlist=np.where(each.nlist[rows] < 0, -1, place[each.nlist[rows]]), shift=each.shift[rows])
        for each in lists
    )


def environment_with_ghosts(
    model: Model,
    coord: Float[np.ndarray, "nframes nall 3"],
    atype: Int[np.ndarray, "nframes nall"],
    mapping: Int[np.ndarray, "nframes nall"],
    nloc: int,
) -> Environment:
    """The surroundings of local atoms among explicit ghosts, as MD programs have them.

    Parameters
    ----------
    coord : [Å]
        The local atoms first.
    mapping
        Local atom of which each atom is an image.
    nloc
        Number of local atoms.
    """
    lists = [
        tuple(replace(each, nlist=each.nlist[:nloc], shift=each.shift[:nloc]) for each in frame)
        for frame in all_neighbors(model, coord, None, atype)
    ]
    return replace(build_environment(model, coord, None, atype, lists), mapping=mapping.astype(np.int64))
