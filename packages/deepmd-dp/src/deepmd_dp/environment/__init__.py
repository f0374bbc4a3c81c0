# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a model takes: the surroundings of atoms, from coordinates to the normalised environment matrix."""

from deepmd_dp.environment.environment import Environment, ListSpec, NeighborBlock, assemble, neighbor_features

__all__ = ["Environment", "ListSpec", "NeighborBlock", "assemble", "neighbor_features"]
