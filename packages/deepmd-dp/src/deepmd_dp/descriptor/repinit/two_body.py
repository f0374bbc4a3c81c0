# SPDX-License-Identifier: LGPL-3.0-or-later
"""Two-body features: `se_atten` without attention."""

from __future__ import annotations

from deepmd_dp.descriptor.contraction import invariants
from deepmd_dp.descriptor.typed_embedding import TypedEmbedding
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import Array, Module, module, static
from deepmd_dp.environment.environment import Environment
from deepmd_dp.environment.environment_matrix import EnvironmentMatrix


@module
class TwoBody(Module):
    r"""Invariants Mᵀ M of the moments M = Σ_j R_ij ⊗ G(s_ij; t_j, t_i) / N, with N slots of the contract's list.

    References
    ----------
    Zhang et al., npj Comput. Mater. 10, 94 (2024) (DPA-1, arXiv:2208.08236), without attention.
    """

    embedding: TypedEmbedding
    matrix: EnvironmentMatrix
    axis_neuron: int = static()

    @property
    def dim_out(self) -> int:
        """Number of invariants."""
        return self.embedding.width * self.axis_neuron

    def __call__(self, env: Environment, table: Array) -> Array:
        """Invariants of the local atoms (nframes * nloc, dim_out); table (ntypes, tebd_dim): the embedded types."""
        moments = self._moments(env, table) * (1.0 / sum(self.matrix.sel))
        return array_namespace(moments).reshape(invariants(moments, self.axis_neuron), (-1, self.dim_out))

    def _moments(self, env: Environment, table: Array) -> Array:
        """Σ_j R_ij ⊗ G over all slots, (n, 4, M)."""
        (edges,) = self.matrix.edges(env)
        rows = self.matrix.rows(edges)
        xp = array_namespace(rows.matrix)
        center = xp.reshape(env.center_type, (-1,))
        embedded = self.embedding(rows.matrix[..., 0], edges.neighbor_type, center, rows.switch, table)
        moments = xp.matmul(xp.matrix_transpose(rows.matrix), embedded)
        empty = xp.take(self.matrix.empty_rows(), center, axis=0)
        of_frame = xp.reshape(xp.broadcast_to(env.empty_type[:, None], shape(env.atype)), (-1, 1))
        s = empty[:, :1]
        of_empty = self.embedding(s, of_frame, center, xp.zeros_like(s), table)
        return moments + empty[:, :, None] * of_empty * edges.nempty[:, None, None]
