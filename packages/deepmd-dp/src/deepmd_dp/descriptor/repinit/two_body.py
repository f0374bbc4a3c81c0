# SPDX-License-Identifier: LGPL-3.0-or-later
"""Two-body features: `se_atten` without attention."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from deepmd_dp.descriptor.contraction import invariants
from deepmd_dp.descriptor.typed_embedding import TypedEmbedding
from deepmd_dp.descriptor.typed_moments import empty_slot_types, matrix_moments
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.module import module, static
from deepmd_dp.dialect.moments import Basis
from deepmd_dp.environment.environment_matrix import Edges, EnvironmentMatrix
from deepmd_dp.nn.matrix import OnBasis, input_range
from deepmd_dp.nn.type_embedding import TypeEmbedNet

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd_dp.dialect.module import Module
    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.nn.network import EmbeddingNetwork


@module
class TwoBody(OnBasis):
    r"""Invariants Mᵀ M of the moments M = Σ_j R_ij ⊗ G(s_ij; t_j, t_i) / N, with N slots of the contract's list.

    References
    ----------
    Zhang et al., npj Comput. Mater. 10, 94 (2024) (DPA-1, arXiv:2208.08236), without attention.
    """

    embedding: TypedEmbedding
    type_embedding: TypeEmbedNet
    matrix: EnvironmentMatrix
    basis: Basis | None = static(default=None)
    axis_neuron: int = static()

    @property
    def dim_out(self) -> int:
        """Number of invariants."""
        return self.embedding.width * self.axis_neuron

    def numbers_per_atom(self, nnei: int) -> int:
        """The widths of the net for each neighbor."""
        return nnei * self.embedding.total_width

    def __call__(self, env: Environment, table: Float[Array, "ntypes dim"]) -> Float[Array, "ncenters n"]:
        """Invariants of the local atoms; table: the types' embedding vectors."""
        (edges,) = self.matrix.edges(env)
        if self.basis is None:
            moments = self._net_moments(env, edges, table)
        else:
            moments = matrix_moments(self.embedding, self.matrix, env, edges, table, self.basis)
        moments = moments * (1.0 / sum(self.matrix.sel))
        return array_namespace(moments).reshape(invariants(moments, self.axis_neuron), (-1, self.dim_out))

    def _net_moments(
        self, env: Environment, edges: Edges, table: Float[Array, "ntypes dim"]
    ) -> Float[Array, "ncenters 4 width"]:
        """Σ_j R_ij ⊗ G over all slots, with the net of each edge."""
        rows = self.matrix.rows(edges)
        xp = array_namespace(rows.matrix)
        center = xp.reshape(env.center_type, (-1,))
        assert edges.neighbor_type is not None, "the list is one of all types"
        embedded = self.embedding(rows.matrix[..., 0], edges.neighbor_type, center, rows.switch, table)
        moments = xp.matmul(xp.matrix_transpose(rows.matrix), embedded)
        empty = xp.take(self.matrix.empty_rows(), center, axis=0)
        s = empty[:, :1]
        of_empty = self.embedding(s, empty_slot_types(env), center, xp.zeros_like(s), table)
        return moments + empty[:, :, None] * of_empty * edges.nempty[:, None, None]

    def values(self, s: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n m"]:
        """All nets of one number, for each pair of types where they depend on it."""
        return self.embedding.values(s, self.type_embedding())

    @property
    def wants_matrices(self) -> bool:
        """Whether the nets can be matrices, and are cheaper so."""
        return self.embedding.is_cheaper_as_matrix(self.type_embedding.ntypes)

    def limits(self, smallest_distance: float) -> tuple[float, float]:
        """From the number of an empty slot to that of the nearest neighbor."""
        return input_range(self.matrix.davg[..., 0], self.matrix.dstd[..., 0], self.matrix.settings, smallest_distance)

    def as_matrices(self) -> TwoBody:
        """The same with matrices for the nets."""
        assert self.basis is not None, "without one nets stay nets"
        return replace(self, embedding=self.embedding.as_matrices(self.basis, self.type_embedding()))

    def with_nets(self, change: Callable[[EmbeddingNetwork], Module]) -> TwoBody:
        """The same with another function in the place of the net of one number; InputError: it takes the types too."""
        return replace(self, embedding=self.embedding.with_nets(change))
