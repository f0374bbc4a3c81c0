# SPDX-License-Identifier: LGPL-3.0-or-later
"""Three-body features: `se_e3_tebd`."""

from __future__ import annotations

from deepmd_dp.descriptor.typed_embedding import TypedEmbedding
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import Array, Module, module
from deepmd_dp.environment.environment import Environment
from deepmd_dp.environment.environment_matrix import EnvironmentMatrix


@module
class ThreeBody(Module):
    r"""Σ_jk θ_jk G(θ_jk; t_j, t_k) / N², θ_jk = R_ij·R_ik of the directional columns, N slots of the contract's list.

    Means of directions are zero, except where statistics differ from slot to slot and a list holds all slots: so an
    empty slot that a list leaves out contributes nothing.
    """

    embedding: TypedEmbedding
    matrix: EnvironmentMatrix

    @property
    def dim_out(self) -> int:
        """Number of features."""
        return self.embedding.width

    def __call__(self, env: Environment, table: Array) -> Array:
        """Features of the local atoms (nframes * nloc, dim_out); table (ntypes, tebd_dim): the embedded types."""
        (edges,) = self.matrix.edges(env)
        rows = self.matrix.rows(edges)
        xp = array_namespace(rows.matrix)
        n, nnei = shape(edges.nlist)
        size = (n, nnei, nnei)
        directions = rows.matrix[..., 1:]
        theta = xp.matmul(directions, xp.matrix_transpose(directions))
        switch = rows.switch[:, :, None] * rows.switch[:, None, :]
        # to the embedding each neighbor of an atom is a centre, with the same neighbors
        first = xp.reshape(edges.neighbor_type, (-1,))
        second = xp.broadcast_to(edges.neighbor_type[:, None, :], size)
        as_edges = (xp.reshape(each, (-1, nnei)) for each in (theta, second, switch))
        theta, second, switch = as_edges
        embedded = self.embedding(theta, second, first, switch, table)
        pairs = (n, nnei * nnei, self.dim_out)
        summed = xp.matmul(xp.reshape(theta, (n, 1, nnei * nnei)), xp.reshape(embedded, pairs))
        return summed[:, 0, :] * (1.0 / sum(self.matrix.sel) ** 2)
