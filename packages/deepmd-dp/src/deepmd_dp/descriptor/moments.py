# SPDX-License-Identifier: LGPL-3.0-or-later
"""Moments of an atom's embedded neighbors, Σ_j R_j ⊗ G(s_j), in the form that is cheapest for the net G."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from deepmd_dp.dialect.array_api import array_namespace, shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd_dp.dialect.module import Array

    Net = Callable[[Array], Array]


class Moments(Protocol):
    """Neighbors of n centres, ready to be embedded by a net of one number."""

    def of(self, index: Array) -> Moments:
        """Those of some centres."""
        ...

    def embed(self, net: Net) -> Array:
        """Σ_j R_j ⊗ G(s_j), (n, columns, M)."""
        ...


class Repeated(NamedTuple):
    """A row that stands several times in the list of a centre, the same for all centres of a type."""

    s: Array  # (ntypes,)
    row: Array  # (ntypes, columns)
    count: Array  # (n,) how often; may be negative
    center_type: Array  # (n,)


class RowMoments(NamedTuple):
    """The rows themselves: the net is evaluated for each."""

    s: Array  # (n, nnei)
    rows: Array  # (n, nnei, columns)

    @classmethod
    def collect(cls, s: Array, rows: Array, repeated: list[Repeated]) -> RowMoments:
        """Rows of the neighbors, and rows that count several times."""
        xp = array_namespace(s)
        for each in repeated:
            row = xp.take(each.row, each.center_type, axis=0) * each.count[:, None]
            rows = xp.concat([rows, row[:, None, :]], axis=1)
            s = xp.concat([s, xp.take(each.s, each.center_type, axis=0)[:, None]], axis=1)
        return cls(s, rows)

    def of(self, index: Array) -> RowMoments:
        """Those of some centres."""
        xp = array_namespace(self.s)
        return RowMoments(xp.take(self.s, index, axis=0), xp.take(self.rows, index, axis=0))

    def embed(self, net: Net) -> Array:
        """Σ_j R_j ⊗ G(s_j), (n, columns, M)."""
        xp = array_namespace(self.s)
        nnei = shape(self.s)[1]
        return xp.matmul(xp.matrix_transpose(self.rows), net(xp.reshape(self.s, (-1, nnei, 1))))
