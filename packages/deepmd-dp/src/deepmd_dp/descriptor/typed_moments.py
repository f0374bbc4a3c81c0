# SPDX-License-Identifier: LGPL-3.0-or-later
"""Nets that embed the neighbors of all types, and their moments Σ_j R_j ⊗ G(s_j, t_j, t_i): of se_atten, dpa2, ..."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from deepmd_dp.descriptor.typed_embedding import TypedEmbedding
from deepmd_dp.dialect.array import Array, Float, Int
from deepmd_dp.dialect.array_api import array_namespace, constant, shape
from deepmd_dp.dialect.module import module, static
from deepmd_dp.dialect.moments import Basis, chebyshev_moments, environment_moments, split_switched
from deepmd_dp.environment.environment_matrix import Edges, EnvironmentMatrix, Rows
from deepmd_dp.nn.matrix import OnBasis, input_range
from deepmd_dp.nn.type_embedding import TypeEmbedNet

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd_dp.dialect.module import Module
    from deepmd_dp.environment.environment import Environment, ListSpec
    from deepmd_dp.nn.matrix import Function
    from deepmd_dp.nn.network import EmbeddingNetwork

Own = TypeVar("Own", bound="TypedNets")


@module
class TypedNets(OnBasis):
    """Base of what embeds numbers of neighbors and the types of atoms, on one list of all types."""

    embedding: TypedEmbedding
    type_embedding: TypeEmbedNet
    matrix: EnvironmentMatrix
    basis: Basis | None = static(default=None)

    def table(self) -> Float[Array, "ntypes dim"]:
        """The types' vectors that the nets meet."""
        return self.type_embedding()

    @property
    def values(self) -> Function:
        """All nets of one number, for each pair of types where they depend on it."""
        return self.embedding.values(self.table())

    def as_matrices(self: Own) -> Own:
        """The same with matrices for the nets."""
        assert self.basis is not None, "without one nets stay nets"
        return replace(self, embedding=self.embedding.as_matrices(self.basis, self.table()))

    def with_nets(self: Own, change: Callable[[EmbeddingNetwork], Module]) -> Own:
        """The same with another function in the place of the net of one number; InputError: it takes the types too."""
        return replace(self, embedding=self.embedding.with_nets(change))


@module
class TypedMoments(TypedNets):
    """Base of what takes the moments Rᵀ G = Σ_j R_ij ⊗ G(s_ij; t_j, t_i) over all slots of the contract's list."""

    @property
    def capacities(self) -> dict[ListSpec, tuple[int, ...]]:
        """One list, of all types together."""
        return {self.matrix.spec: self.matrix.sel}

    @property
    def wants_matrices(self) -> bool:
        """Whether the nets can be matrices, and are cheaper so."""
        return self.embedding.is_cheaper_as_matrix

    def limits(self, smallest_distance: float) -> tuple[float, float]:
        """From the number of an empty slot to that of the nearest neighbor."""
        return input_range(self.matrix.davg[..., 0], self.matrix.dstd[..., 0], self.matrix.settings, smallest_distance)

    def moments(self, env: Environment, table: Float[Array, "ntypes dim"]) -> Float[Array, "ncenters 4 width"]:
        """The moments of the local atoms; table: `table`."""
        (edges,) = self.matrix.edges(env)
        if self.basis is not None:
            return self._of_matrices(env, edges, table, self.basis)
        rows, xp = self.matrix.rows(edges), array_namespace(table)
        center = xp.reshape(env.center_type, (-1,))
        assert edges.neighbor_type is not None, "the list is one of all types"
        embedded = self.embedding(rows.matrix[..., 0], edges.neighbor_type, center, rows.switch, table)
        moments = xp.matmul(xp.matrix_transpose(rows.matrix), self.attended(embedded, edges, rows))
        row = xp.take(self.matrix.empty_rows(), center, axis=0)
        types, number = self.empty_slots(env, edges)
        s = xp.broadcast_to(row[:, :1], shape(number))
        of_empty = self.attended_of_empty(self.embedding(s, types, center, 0.0 * s, table)) * number[:, :, None]
        return moments + row[:, :, None] * xp.sum(of_empty, axis=1)[:, None, :]

    def attended(
        self, embedded: Float[Array, "ncenters nnei width"], edges: Edges, rows: Rows
    ) -> Float[Array, "ncenters nnei width"]:
        """What becomes of the neighbors' G before it enters the moments: nothing, where there is no attention."""
        del edges, rows
        return embedded

    def attended_of_empty(self, embedded: Float[Array, "ncenters n width"]) -> Float[Array, "ncenters n width"]:
        """Likewise of the G of empty slots."""
        return embedded

    def empty_slots(
        self, env: Environment, edges: Edges
    ) -> tuple[Int[Array, "ncenters n"], Float[Array, "ncenters n"]]:
        """Types of the slots that a list leaves empty and how many of each: of one type, the same in a frame."""
        assert env.empty_type is not None, "an environment of lists of all types"
        xp = array_namespace(env.atype)
        types = xp.reshape(xp.broadcast_to(env.empty_type[:, None], shape(env.atype)), (-1, 1))
        return types, edges.nempty[:, None]

    def empty_of_types(self, env: Environment, edges: Edges) -> Float[Array, "ncenters ntypes"]:
        """How many empty slots there are of each type that the nets meet."""
        of_frame, number = self.empty_slots(env, edges)
        types = constant(np.arange(self.embedding.ntypes)[None, :], of_frame)  # xp.arange would be on another device
        xp = array_namespace(number)
        return xp.astype(xp.equal(of_frame, types), number.dtype) * number

    def _of_matrices(
        self, env: Environment, edges: Edges, table: Float[Array, "ntypes dim"], basis: Basis
    ) -> Float[Array, "ncenters 4 width"]:
        """The moments by matrices in the place of nets."""
        xp, embedding = array_namespace(table), self.embedding
        center = xp.reshape(env.center_type, (-1,))
        is_switched = embedding.is_strip and embedding.smooth
        a = environment_moments(
            edges.edge_vec,
            edges.weights,
            edges.neighbor_type,
            edges.shift,
            edges.scale,
            settings=self.matrix.settings,
            basis=basis,
            nsegments=embedding.ntypes,
            switched=is_switched,
        )
        a, switched = split_switched(a) if is_switched else (a, None)
        empty = self.matrix.empty_rows()
        once = chebyshev_moments(empty[:, :1], empty[:, None, :], None, basis=basis)
        a = a + xp.take(once, center, axis=0) * self.empty_of_types(env, edges)[:, None, :, None]
        return embedding.embed(a, switched, center, table, basis)
