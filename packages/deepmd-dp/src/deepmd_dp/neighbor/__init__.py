# SPDX-License-Identifier: LGPL-3.0-or-later
"""Neighbor lists, by the C++ cell list of deepmd-cc."""

from deepmd_dp.neighbor.neighbor_list import NeighborList, build_neighbor_list, neighbor_statistics

__all__ = ["NeighborList", "build_neighbor_list", "neighbor_statistics"]
