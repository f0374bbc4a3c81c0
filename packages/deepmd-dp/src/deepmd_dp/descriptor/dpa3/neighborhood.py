# SPDX-License-Identifier: LGPL-3.0-or-later
"""What all layers of DPA-3 know of edges and angles, computed once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from deepmd_dp.descriptor.message_passing import gather_neighbors
from deepmd_dp.dialect.array import Array, Float, Int
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.edge_rows import EnvSettings, switch_of
from deepmd_dp.environment.environment import Environment, NeighborBlock

if TYPE_CHECKING:
    from deepmd_dp.descriptor.dpa3.settings import RepflowSettings
    from deepmd_dp.environment.environment_matrix import Edges, Rows

_LENGTH_PROTECTION = 1e-6
"""Added to lengths that displacements are divided by [Å]."""
_ANGLE_SCALE = (1.0 - 1e-6) / math.sqrt(math.pi)
"""Factor of the cosines."""


class Neighborhood(NamedTuple):
    """The edges of all centres, and the angles between the nearest of them.

    A list is sorted by distance, so that the edges between which there are angles are its first ones: as many as the
    second list, of the angles' cut-off, has slots.
    """

    env: Environment
    block: NeighborBlock
    switch: Float[Array, "ncenters nnei"]  # of the edges; 0 where there is none
    vectors: Float[Array, "ncenters nnei 3"]  # direction of an edge, with its switch
    near: Float[Array, "ncenters nnear"]  # 1: an edge that has angles, 0: not
    near_switch: Float[Array, "ncenters nnear"]  # of these edges, for the angles' cut-off
    cosines: Float[Array, "ncenters nnear nnear 1"]  # of the angles, over √π

    @classmethod
    def of(
        cls,
        env: Environment,
        block: NeighborBlock,
        settings: RepflowSettings,
        edges: Edges,
        rows: Rows,
        nnear: int | Int[Array, ""],
    ) -> Neighborhood:
        """Of the edges in a list's block, and their environment matrix; nnear: slots of the list of the angles."""
        xp = array_namespace(rows.matrix)
        dtype = rows.matrix.dtype
        distance = rows.distance[:, :nnear]
        angle = EnvSettings(settings.a_rcut, settings.a_rcut_smth, use_exp_switch=settings.use_exp_switch)
        near = edges.kept[:, :nnear] * xp.astype(distance < settings.a_rcut, dtype)
        unit = edges.edge_vec[:, :nnear, :] * (1.0 / (distance + _LENGTH_PROTECTION))[..., None]
        unit = xp.astype(unit, dtype)
        cosines = xp.matmul(unit, xp.matrix_transpose(unit)) * _ANGLE_SCALE
        return cls(
            env,
            block,
            switch=rows.switch,
            vectors=rows.matrix[..., 1:] * rows.switch[..., None],
            near=near,
            near_switch=xp.astype(switch_of(distance, angle), dtype) * near,
            cosines=cosines[..., None],
        )

    def gather(self, features: Float[Array, "ncenters dim"]) -> Float[Array, "ncenters nnei dim"]:
        """Features of the neighbors."""
        return gather_neighbors(features, self.block, self.env)
