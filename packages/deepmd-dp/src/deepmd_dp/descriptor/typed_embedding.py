# SPDX-License-Identifier: LGPL-3.0-or-later
"""One embedding net for all types, which takes the types of neighbor and centre by their embedding vectors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.errors import InputError
from deepmd_dp.dialect.array import Array, Float, Int, Namespace, total
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import Module, module, static
from deepmd_dp.nn.matrix import Matrix, coefficients, in_double, is_matrix, matrix, node_column, values_of
from deepmd_dp.nn.network import EmbeddingNetwork, NetworkCollection
from deepmd_dp.nn.table import read_tables, write_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from deepmd_dp.dialect.moments import Basis
    from deepmd_dp.nn.matrix import Function

_STRIP_TYPES = 32
"""Up to so many types moments of each are cheaper than a net for each neighbor."""
_CONCAT_TYPES = 4
"""The same where each pair of types has a matrix of its own."""


@module
class TypedEmbedding(Module):
    """G(s, t_j, t_i), the net of s and the types joined (`tebd_input_mode` concat), or G(s) (1 + T(t_j, t_i)) (strip).

    With `smooth` the strip's factor T vanishes with the switch at the cut-off.

    References
    ----------
    Zhang et al., npj Comput. Mater. 10, 94 (2024) (DPA-1, arXiv:2208.08236).
    """

    embeddings: NetworkCollection
    embeddings_strip: NetworkCollection | None = None
    type_one_side: bool = static(default=False)
    smooth: bool = static(default=True)

    @property
    def width(self) -> int:
        """Width of the embedding, M."""
        return int(self.embeddings.networks[0].width)

    @property
    def total_width(self) -> int:
        """Numbers that the net computes of one edge."""
        return int(self.embeddings.networks[0].total_width)

    @property
    def ntypes(self) -> int:
        """Number of types."""
        return self.embeddings.ntypes

    @property
    def is_strip(self) -> bool:
        """Whether the types have a net of their own."""
        return self.embeddings_strip is not None

    def __call__(
        self,
        s: Float[Array, "ncenters nnei"],
        neighbor_type: Int[Array, "ncenters nnei"],
        center_type: Int[Array, "ncenters"],
        switch: Float[Array, "ncenters nnei"],
        table: Float[Array, "ntypes dim"],
    ) -> Float[Array, "ncenters nnei width"]:
        """The embedding of edges.

        Parameters
        ----------
        s
            Normalised, switched inverse distance.
        table
            The types' embedding vectors.
        """
        xp = array_namespace(s)
        net: EmbeddingNetwork = self.embeddings[()]
        nnei = shape(s)[1]
        center = xp.broadcast_to(center_type[:, None], shape(neighbor_type))
        if not self.is_strip:
            pair = [neighbor_type] if self.type_one_side else [neighbor_type, center]
            features = [
                xp.reshape(xp.take(table, xp.reshape(t, (-1,)), axis=0), (-1, nnei, table.shape[1])) for t in pair
            ]
            return net(xp.concat([s[..., None], *features], axis=-1))
        index = neighbor_type if self.type_one_side else center * self.ntypes + neighbor_type
        of_types = xp.take(self.type_factors(table), xp.reshape(index, (-1,)), axis=0)
        of_types = xp.reshape(of_types, (-1, nnei, self.width))
        if self.smooth:
            of_types = of_types * switch[:, :, None]
        of_distance = net(s[..., None])
        return of_distance * of_types + of_distance

    def type_factors(self, table: Float[Array, "ntypes dim"]) -> Float[Array, "_ width"]:
        """The strip net's output for each type, or pair of types at centre * ntypes + neighbor."""
        net: EmbeddingNetwork = self.embeddings_strip[()]  # type: ignore[index]  # only asked for where there is one
        return net(table if self.type_one_side else type_pairs(table))

    def values(self, table: Float[Array, "ntypes dim"]) -> Function:
        """All functions of one number that it consists of, in double precision.

        The net itself (strip), or one for each type or pair of types as in `type_factors` (concat).
        """
        if self.is_strip:
            return values_of([self.embeddings[()]])
        net = in_double(self.embeddings[()], np.zeros(0))
        types = np.asarray(table if self.type_one_side else type_pairs(table), dtype=np.float64)

        def of_types(s: np.ndarray) -> np.ndarray:
            found = np.asarray(net(np.concatenate([np.asarray(x) for x in _joined(np, s[:, None], types)], axis=-1)))
            return found.reshape(len(types), len(s), -1).transpose(1, 0, 2).reshape(len(s), -1)

        return of_types

    @property
    def is_cheaper_as_matrix(self) -> bool:
        """Whether matrices are cheaper than the nets: rows at the nodes are few beside the edges."""
        most = _STRIP_TYPES if self.is_strip else _CONCAT_TYPES
        return self.ntypes <= most and all(map(is_matrix, self.embeddings.networks))

    def coefficients(self, basis: Basis, table: Float[Array, "ntypes dim"]) -> Float[Array, "_ functions width"]:
        """C of each function in `values`."""
        xp = array_namespace(table)
        net = self.embeddings[()]
        if isinstance(net, Matrix):
            return xp.reshape(net.c, (-1, basis.size, self.width))
        if self.is_strip:
            return matrix(net, basis, like=table)[None, :, :]
        types = table if self.type_one_side else type_pairs(table)
        column = node_column(basis, like=table)
        found = in_double(net, column)(xp.concat(_joined(xp, column, xp.astype(types, column.dtype)), axis=-1))
        found = xp.reshape(found, (types.shape[0], basis.size, self.width))
        return xp.concat(
            [
                coefficients(found[k, :, :], basis, like=table)[None, :, :]
                for k in range(self.ntypes if self.type_one_side else self.ntypes**2)
            ],
            axis=0,
        )

    def embed(
        self,
        a: Float[Array, "ncenters columns ntypes functions"],
        switched: Float[Array, "ncenters columns ntypes functions"] | None,
        center_type: Int[Array, "ncenters"],
        table: Float[Array, "ntypes dim"],
        basis: Basis,
    ) -> Float[Array, "ncenters columns width"]:
        """Σ_j R_j ⊗ G_j of moments by the neighbors' types.

        Parameters
        ----------
        a
            Moments of the neighbors of each type.
        switched
            Those weighted by the switch; where `smooth`.
        """
        xp = array_namespace(a)
        c, ntypes = self.coefficients(basis, table), self.ntypes
        if self.is_strip:
            factors = xp.reshape(self.type_factors(table), (-1, ntypes, self.width))
            if self.type_one_side:
                factors = xp.broadcast_to(factors, (ntypes, ntypes, self.width))
            factors = xp.take(factors, center_type, axis=0)[:, None, :, :]
            of_types = xp.matmul(a if switched is None else switched, c[0, :, :]) * factors
            return xp.matmul(xp.sum(a, axis=2), c[0, :, :]) + xp.sum(of_types, axis=2)
        a = xp.reshape(a, (-1, shape(a)[1], ntypes * basis.size))
        c = xp.reshape(c, (-1, ntypes * basis.size, self.width))
        if self.type_one_side:
            return xp.matmul(a, c[0, :, :])
        own = (xp.astype(xp.equal(center_type, k), a.dtype)[:, None, None] for k in range(ntypes))
        return total(xp.matmul(a, c[k, :, :]) * mask for k, mask in enumerate(own))

    def as_matrices(self, basis: Basis, table: Float[Array, "ntypes dim"]) -> TypedEmbedding:
        """The same with a matrix for the net of one number."""
        c = self.coefficients(basis, table)
        net = Matrix(c=array_namespace(c).reshape(c, (-1, self.width)))
        return replace(self, embeddings=self.embeddings.map(lambda _: net))

    def with_nets(self, change: Callable[[EmbeddingNetwork], Module]) -> TypedEmbedding:
        """The same with another function in the place of the net of one number; InputError: it takes the types too."""
        if not self.is_strip:
            raise InputError(
                "with `tebd_input_mode` concat the embedding net takes the types too, and has no table; "
                "a model to be compressed is trained with strip"
            )
        return replace(self, embeddings=self.embeddings.map(change))

    def serialize(self, table: Float[Array, "ntypes dim"]) -> dict[str, Any]:
        """The entries of a tree in the contract that come from here; table: the types' embedding vectors."""
        nets = {"embeddings": self.embeddings.serialize()}
        if self.embeddings_strip is not None:
            nets["embeddings_strip"] = self.embeddings_strip.serialize()
        tables = write_tables(self.embeddings)
        if not tables:
            return nets
        # deepmd-kit counts a type of vector 0 beside the others, for empty slots
        padded = np.concatenate([np.asarray(table), np.zeros((1, table.shape[1]), np.asarray(table).dtype)])
        variables = {"type_embd_data": np.asarray(self.type_factors(padded)), **tables}
        return {**nets, "compress": {"@variables": variables, "geo_compress": True}}

    @classmethod
    def deserialize(cls, data: Mapping[str, Any], where: str, *, type_one_side: bool, smooth: bool) -> TypedEmbedding:
        """The inverse of `serialize`."""
        strip = data.get("embeddings_strip")
        embeddings = NetworkCollection.deserialize(data["embeddings"], f"{where} embedding net")
        compress = data.get("compress", {})
        if compress.get("geo_compress", False):
            embeddings = read_tables(embeddings, compress["@variables"], where)
        return cls(
            embeddings=embeddings,
            embeddings_strip=None if strip is None else NetworkCollection.deserialize(strip, f"{where} strip net"),
            type_one_side=type_one_side,
            smooth=smooth,
        )

    @classmethod
    def initial(
        cls,
        section: Mapping[str, Any],
        ntypes: int,
        tebd_dim: int,
        rng: np.random.Generator,
        *,
        is_strip: bool,
        smooth: bool,
    ) -> TypedEmbedding:
        """That of a descriptor's section of the input, random weights."""
        sides = 1 if section["type_one_side"] else 2

        def new(nin: int) -> NetworkCollection:
            return NetworkCollection(networks=(EmbeddingNetwork.of_section(rng, nin, section),), ntypes=ntypes)

        return cls(
            embeddings=new(1 if is_strip else 1 + sides * tebd_dim),
            embeddings_strip=new(sides * tebd_dim) if is_strip else None,
            type_one_side=section["type_one_side"],
            smooth=smooth,
        )


def _joined(
    xp: Namespace | ModuleType, column: Float[Array, "n 1"], types: Float[Array, "m dim"]
) -> list[Float[Array, "m*n _"]]:
    """Each number beside each row of types."""
    n, m, dim = column.shape[0], types.shape[0], types.shape[1]
    numbers = xp.broadcast_to(column[None, :, :], (m, n, 1))
    rows = xp.broadcast_to(types[:, None, :], (m, n, dim))
    return [xp.reshape(numbers, (-1, 1)), xp.reshape(rows, (-1, dim))]


def type_pairs(table: Float[Array, "ntypes dim"]) -> Float[Array, "ntypes*ntypes 2*dim"]:
    """The vectors of neighbor and centre joined, for each pair at centre * ntypes + neighbor."""
    xp = array_namespace(table)
    ntypes, dim = table.shape
    neighbor = xp.broadcast_to(table[None, :, :], (ntypes, ntypes, dim))
    center = xp.broadcast_to(table[:, None, :], (ntypes, ntypes, dim))
    return xp.reshape(xp.concat([neighbor, center], axis=-1), (-1, 2 * dim))
