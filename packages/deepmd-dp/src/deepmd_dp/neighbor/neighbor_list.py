# SPDX-License-Identifier: LGPL-3.0-or-later
"""Padded neighbor lists with periodic shifts: what a model takes besides atoms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd_dp.dialect.array import Float, Int
from deepmd_dp.native.pairs import found_pairs
from deepmd_dp.neighbor.frame import check_exclude_pairs, check_frame, check_sel

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class NeighborList:
    """Neighbors of every atom of one frame, in rows of equal length.

    Parameters
    ----------
    nlist
        Index of the neighbor among the local atoms, -1 where the place is empty.
    shift : [Å]
        ``r_ij = coord[j] + shift - coord[i]``; 0 where the place is empty.
    sections
        Widths of the sections of a row, which add up to nnei: one for each type of
        neighbor, or a single one. Within a section neighbors are sorted by distance.
    ndropped
        Atoms that have more neighbors than the given widths allow.
    """

    nlist: Int[np.ndarray, "nloc nnei"]
    shift: Float[np.ndarray, "nloc nnei 3"]
    sections: tuple[int, ...]
    ndropped: int = 0


def build_neighbor_list(
    coord: Any,
    box: Any,
    atype: Any,
    rcut: float,
    *,
    ntypes: int | None = None,
    by_type: bool,
    sel: Sequence[int] | None = None,
    pbc: Any = None,
    exclude_pairs: Any = (),
    nthreads: int = 1,
) -> NeighborList:
    """Build the padded neighbor list of one frame, in time linear in its atoms.

    Any cell will do: skewed, smaller than the cut-off (an atom may then neighbor its own images), open along any axis;
    atoms may lie outside it. Atoms at the same place are neighbors at distance 0.

    Parameters
    ----------
    coord : array, (nloc, 3) [Å]
    box : array, (3, 3) [Å], or None
        Rows are cell vectors. That of an open axis is not read.
    atype : array, (nloc,) int
        Atoms of type -1 are virtual: without neighbors, and nobody's neighbor.
    rcut : float [Å]
        Neighbors are those with ``|r_ij| < rcut``.
    ntypes : int, optional
        Number of types; by default what `atype` has.
    by_type : bool
        A section for each type of neighbor, or one for all.
    sel : sequence of int, optional
        Width of each section, which keeps the nearest; by default the largest count in the frame, at least 1.
    pbc : bool or three of them, optional
        Which axes are periodic; by default all if there is a box, else none.
    exclude_pairs : iterable of pairs of int
        Pairs of types, in either order, that are not neighbors of each other.
    nthreads : int
        Threads to search with; the result is the same.

    Raises
    ------
    ValueError
        A shape is wrong, a type out of range, a coordinate not finite (the atom is named), the cell flat, or the
        cut-off not positive.
    """
    frame = check_frame(coord, box, atype, pbc, ntypes)
    if ntypes is None:
        ntypes = max(int(frame.atype.max(initial=0)) + 1, 1)
    nsections = ntypes if by_type else 1
    widths, excluded = check_sel(sel, nsections), check_exclude_pairs(exclude_pairs)
    with found_pairs(frame, rcut, by_type=nsections > 1, exclude_pairs=excluded, nthreads=nthreads) as pairs:
        widths = pairs.free_widths(nsections) if widths is None else widths
        nlist, shift, ndropped = pairs.padded(widths)
    return NeighborList(nlist, shift, tuple(widths), ndropped)


def neighbor_statistics(
    coord: Any,
    box: Any,
    atype: Any,
    rcut: float,
    ntypes: int,
    *,
    pbc: Any = None,
    nthreads: int = 1,
) -> tuple[Float[np.ndarray, "ntypes ntypes"], Int[np.ndarray, "ntypes"], int]:
    """Nearest distances and largest numbers of neighbors in one frame.

    Parameters
    ----------
    coord, box, atype, rcut, pbc, nthreads
        As in `build_neighbor_list`.
    ntypes : int
        Number of types.

    Returns
    -------
    nearest : [Å]
        Of each two types; infinite where no two such atoms are within the cut-off.
    max_nnei
        For each type the most neighbors of it that an atom has.
    max_total
        The most neighbors of any type.
    """
    frame = check_frame(coord, box, atype, pbc, ntypes)
    with found_pairs(frame, rcut, nthreads=nthreads) as pairs:
        return pairs.counts(ntypes)
