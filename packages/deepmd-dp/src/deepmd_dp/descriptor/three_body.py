# SPDX-License-Identifier: LGPL-3.0-or-later
"""Three-body features: `se_e3_tebd`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from deepmd_dp.descriptor.angles import NARROW, angle_limits, angles
from deepmd_dp.descriptor.typed_moments import TypedNets
from deepmd_dp.dialect.array import Array, Float, Int
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import module
from deepmd_dp.dialect.moments import Basis, chebyshev_moments
from deepmd_dp.environment.environment_matrix import Edges
from deepmd_dp.nn.matrix import is_matrix

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd_dp.dialect.module import Module
    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.nn.network import EmbeddingNetwork

_MOST_TYPES = 4
"""More pairs of types have nets: the moments of each would be many numbers an atom."""


@module
class ThreeBody(TypedNets):
    r"""Σ_jk θ_jk G(θ_jk; t_j, t_k) / N², θ_jk = R_ij·R_ik of the directional columns, N slots of the contract's list.

    Means of directions are zero, except where statistics differ from slot to slot and a list holds all slots: so an
    empty slot that a list leaves out contributes nothing.
    """

    @property
    def dim_out(self) -> int:
        """Number of features."""
        return self.embedding.width

    def numbers_per_atom(self, nnei: int) -> int:
        """The angle, the switch and the widths of the net, for each pair of neighbors."""
        return nnei * nnei * (2 + self.embedding.total_width)

    def __call__(self, env: Environment, table: Float[Array, "ntypes dim"]) -> Float[Array, "ncenters width"]:
        """Features of the local atoms; table: the types' embedding vectors."""
        (edges,) = self.matrix.edges(env)
        rows = self.matrix.rows(edges)
        theta = angles(rows.matrix, rows.matrix)
        switch = rows.switch[:, :, None] * rows.switch[:, None, :]
        if self.basis is None:
            summed = self._net_sums(theta, switch, edges, table)
        else:
            summed = self._matrix_sums(theta, switch, edges, table, self.basis)
        return summed * (1.0 / sum(self.matrix.sel) ** 2)

    def _net_sums(
        self,
        theta: Float[Array, "ncenters nnei nnei"],
        switch: Float[Array, "ncenters nnei nnei"],
        edges: Edges,
        table: Float[Array, "ntypes dim"],
    ) -> Float[Array, "ncenters width"]:
        """Σ_jk θ_jk G(θ_jk; t_j, t_k) with the net of each pair."""
        xp = array_namespace(theta)
        assert edges.neighbor_type is not None, "the list is one of all types"
        n, nnei = shape(edges.nlist)
        # to the embedding each neighbor of an atom is a centre, with the same neighbors
        first = xp.reshape(edges.neighbor_type, (-1,))
        second = xp.broadcast_to(edges.neighbor_type[:, None, :], (n, nnei, nnei))
        as_edges = (xp.reshape(each, (-1, nnei)) for each in (theta, second, switch))
        of_pairs, second, switch = as_edges
        embedded = self.embedding(of_pairs, second, first, switch, table)
        pairs = (n, nnei * nnei, self.dim_out)
        summed = xp.matmul(xp.reshape(theta, (n, 1, nnei * nnei)), xp.reshape(embedded, pairs))
        return summed[:, 0, :]

    def _matrix_sums(
        self,
        theta: Float[Array, "ncenters nnei nnei"],
        switch: Float[Array, "ncenters nnei nnei"],
        edges: Edges,
        table: Float[Array, "ntypes dim"],
        basis: Basis,
    ) -> Float[Array, "ncenters width"]:
        """The same by matrices, one for each pair of types where the net depends on it."""
        xp = array_namespace(theta)
        npairs = self.embedding.ntypes**2
        is_switched = self.embedding.is_strip and self.embedding.smooth
        nnei = shape(edges.nlist)[1]
        columns = [theta, theta * switch] if is_switched else [theta]
        rows = xp.concat([xp.reshape(each, (-1, nnei * nnei, 1)) for each in columns], axis=-1)
        a = chebyshev_moments(
            xp.reshape(theta, (-1, nnei * nnei)),
            rows,
            xp.reshape(self._pairs_of_types(edges), (-1, nnei * nnei)),
            basis=basis,
            nsegments=npairs,
        )
        c = self.embedding.coefficients(basis, table)
        if not self.embedding.is_strip:
            return xp.matmul(
                xp.reshape(a, (-1, npairs * basis.size)), xp.reshape(c, (npairs * basis.size, self.dim_out))
            )
        plain, switched = a[:, 0, :, :], a[:, len(columns) - 1, :, :]
        of_types = xp.matmul(switched, c[0, :, :]) * self.embedding.type_factors(table)
        return xp.matmul(xp.sum(plain, axis=1), c[0, :, :]) + xp.sum(of_types, axis=1)

    def _pairs_of_types(self, edges: Edges) -> Int[Array, "ncenters nnei nnei"]:
        """t_j * ntypes + t_k of each pair of neighbors, -1 where one does not count."""
        xp = array_namespace(edges.nlist)
        assert edges.neighbor_type is not None, "the list is one of all types"
        pair = edges.neighbor_type[:, :, None] * self.embedding.ntypes + edges.neighbor_type[:, None, :]
        counts = edges.weights[:, :, None] * edges.weights[:, None, :]
        return xp.where(counts > 0.0, pair, -xp.ones_like(pair))

    @property
    def wants_matrices(self) -> bool:
        """Whether the nets can be matrices, and are cheaper so."""
        return self.embedding.ntypes <= _MOST_TYPES and all(map(is_matrix, self.embedding.embeddings.networks))

    def limits(self, smallest_distance: float) -> tuple[float, float]:
        """From two nearest neighbors on opposite sides to two at one place."""
        return angle_limits(self.matrix, smallest_distance)

    def as_matrices(self) -> ThreeBody:
        """The same with matrices for the nets; as it is for a net so narrow that it costs less than plain moments."""
        if self.embedding.total_width < NARROW:
            return replace(self, basis=None)
        return super().as_matrices()

    def with_nets(self, change: Callable[[EmbeddingNetwork], Module]) -> ThreeBody:
        """The same, since nets of angles stay nets (decision record 0019); InputError: they take the types too."""
        self.embedding.with_nets(lambda net: net)
        return self
