# SPDX-License-Identifier: LGPL-3.0-or-later
"""Moments of an atom's embedded neighbors, Σ_j R_j ⊗ G(s_j), in the form that is cheapest for the net G.

As a rule that is Σ_q A_q C_q: A of the geometry alone, C of the net alone (`deepmd_dp.nn.matrix`). Nets that no few
polynomials represent are evaluated for each neighbor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from deepmd_dp.dialect.array import Array, Float, Int
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.moments import Basis, chebyshev_moments, environment_moments
from deepmd_dp.nn.matrix import matrix

if TYPE_CHECKING:
    from deepmd_dp.environment.environment_matrix import Edges, EnvironmentMatrix
    from deepmd_dp.nn.network import EmbeddingNetwork


class Moments(Protocol):
    """Neighbors of some centres, ready to be embedded by a net of one number."""

    def of(self, index: Int[Array, "_"]) -> Moments:
        """Those of some of these centres."""
        ...

    def embed(self, net: EmbeddingNetwork) -> Float[Array, "ncenters columns width"]:
        """Σ_j R_j ⊗ G(s_j)."""
        ...


class Repeated(NamedTuple):
    """A row that stands several times in the list of a centre, the same for all centres of a type."""

    s: Float[Array, "ntypes"]
    row: Float[Array, "ntypes columns"]
    count: Float[Array, "ncenters"]  # type: ignore[assignment]  # hides tuple.count; how often; may be negative
    center_type: Int[Array, "ncenters"]


class RowMoments(NamedTuple):
    """The rows themselves: the net is evaluated for each."""

    s: Float[Array, "ncenters nnei"]
    rows: Float[Array, "ncenters nnei columns"]

    @classmethod
    def collect(
        cls, s: Float[Array, "ncenters nnei"], rows: Float[Array, "ncenters nnei columns"], repeated: list[Repeated]
    ) -> RowMoments:
        """Rows of the neighbors, and rows that count several times."""
        xp = array_namespace(s)
        for each in repeated:
            row = xp.take(each.row, each.center_type, axis=0) * each.count[:, None]
            rows = xp.concat([rows, row[:, None, :]], axis=1)
            s = xp.concat([s, xp.take(each.s, each.center_type, axis=0)[:, None]], axis=1)
        return cls(s, rows)

    def of(self, index: Int[Array, "_"]) -> RowMoments:
        """Those of some of these centres."""
        xp = array_namespace(self.s)
        return RowMoments(xp.take(self.s, index, axis=0), xp.take(self.rows, index, axis=0))

    def embed(self, net: EmbeddingNetwork) -> Float[Array, "ncenters columns width"]:
        """Σ_j R_j ⊗ G(s_j)."""
        xp = array_namespace(self.s)
        nnei = shape(self.s)[1]
        return xp.matmul(xp.matrix_transpose(self.rows), net(xp.reshape(self.s, (-1, nnei, 1))))


class MatrixMoments(NamedTuple):
    """Moments of Chebyshev polynomials: a net is a matrix to multiply them by."""

    a: Float[Array, "ncenters columns functions"]
    basis: Basis

    @classmethod
    def collect(
        cls, a: Float[Array, "ncenters columns 1 functions"], basis: Basis, repeated: list[Repeated]
    ) -> MatrixMoments:
        """Moments of the neighbors, and rows that count several times."""
        xp = array_namespace(a)
        # no slice, whose derivative is an array of zeros to be filled
        a = xp.reshape(a, (-1, shape(a)[1], basis.size))
        for each in repeated:
            table = chebyshev_moments(each.s[:, None], each.row[:, None, :], None, basis=basis)[:, :, 0, :]
            a = a + xp.take(table, each.center_type, axis=0) * each.count[:, None, None]
        return cls(a, basis)

    def of(self, index: Int[Array, "_"]) -> MatrixMoments:
        """Those of some of these centres."""
        return MatrixMoments(array_namespace(self.a).take(self.a, index, axis=0), self.basis)

    def embed(self, net: EmbeddingNetwork) -> Float[Array, "ncenters columns width"]:
        """Σ_j R_j ⊗ G(s_j)."""
        return array_namespace(self.a).matmul(self.a, matrix(net, self.basis, like=self.a))


def collect_moments(
    environment: EnvironmentMatrix, edges: Edges, center_type: Int[Array, "ncenters"], basis: Basis | None
) -> Moments:
    """The moments of a block of neighbors of one type, and of the slots that its list leaves empty.

    The rows R are those of the environment matrix where it has four columns, and 1 where it has one.
    """
    repeated = _repeated(environment, edges, center_type)
    if environment.columns == 4 and basis is not None:
        a = environment_moments(
            edges.edge_vec,
            edges.weights,
            None,
            edges.shift,
            edges.scale,
            settings=environment.settings,
            basis=basis,
        )
        return MatrixMoments.collect(a, basis, repeated)
    rows, _, _ = environment.rows(edges)
    s = rows[..., 0]
    weighted = rows if environment.columns == 4 else edges.weights[..., None]
    if basis is None:
        return RowMoments.collect(s, weighted, repeated)
    a = chebyshev_moments(s, weighted, None, basis=basis)
    return MatrixMoments.collect(a, basis, repeated)


def _repeated(environment: EnvironmentMatrix, edges: Edges, center_type: Int[Array, "ncenters"]) -> list[Repeated]:
    """The slots that the list leaves empty; and with one column the neighbors that are left out."""
    empty = environment.empty_rows()
    if environment.columns == 4:
        return [Repeated(empty[:, 0], empty, edges.nempty, center_type)]
    xp = array_namespace(empty)
    one = xp.ones_like(empty)
    repeated = [Repeated(empty[:, 0], one, edges.nempty, center_type)]
    if environment.exclude_types:
        # deepmd-kit embeds a zero for a neighbor that is left out
        left_out = xp.sum(xp.astype(edges.nlist >= 0, edges.kept.dtype) - edges.kept, axis=-1)
        repeated.append(Repeated(0.0 * empty[:, 0], one, left_out, center_type))
    return repeated
