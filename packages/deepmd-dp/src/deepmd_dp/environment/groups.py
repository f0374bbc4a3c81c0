# SPDX-License-Identifier: LGPL-3.0-or-later
"""Neighbor lists of frames whose atoms see those of their own group only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd_dp.dialect.array import Int
from deepmd_dp.neighbor import NeighborList

if TYPE_CHECKING:
    from collections.abc import Callable


def list_in_groups(
    build: Callable[[Int[np.ndarray, "_"]], NeighborList], group: Int[np.ndarray, "natoms"]
) -> NeighborList:
    """One list of all groups' lists.

    Parameters
    ----------
    build
        Gives the list of some atoms by themselves, by their indices.
    group
        -1: the atom sees nobody.
    """
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    members = [rows for rows in np.split(order, starts) if len(rows) and group[rows[0]] >= 0]
    found = [(rows, build(rows)) for rows in members or [order[:0]]]
    sections = tuple(max(widths) for widths in zip(*(each.sections for _, each in found), strict=True))
    nlist = np.full((len(group), sum(sections)), -1, dtype=np.int64)
    shift = np.zeros((*nlist.shape, 3))
    for rows, each in found:
        start = start_of_own = 0
        for width, own in zip(sections, each.sections, strict=True):
            block = each.nlist[:, start_of_own : start_of_own + own]
            nlist[rows, start : start + own] = np.where(block < 0, -1, np.append(rows, -1)[block])
            shift[rows, start : start + own] = each.shift[:, start_of_own : start_of_own + own]
            start, start_of_own = start + width, start_of_own + own
    return NeighborList(nlist, shift, sections, sum(each.ndropped for _, each in found))
