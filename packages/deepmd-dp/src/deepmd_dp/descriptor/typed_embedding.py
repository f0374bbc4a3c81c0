# SPDX-License-Identifier: LGPL-3.0-or-later
"""One embedding net for all types, which takes the types of neighbor and centre by their embedding vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import Module, module, static
from deepmd_dp.nn.network import EmbeddingNetwork, NetworkCollection

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from deepmd_dp.dialect.module import Array


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
        return self.embeddings.networks[0].neuron[-1]

    @property
    def is_strip(self) -> bool:
        """Whether the types have a net of their own."""
        return self.embeddings_strip is not None

    def __call__(self, s: Array, neighbor_type: Array, center_type: Array, switch: Array, table: Array) -> Array:
        """The embedding of edges, (n, nnei, M).

        Parameters
        ----------
        s : Array, (n, nnei)
            Normalised, switched inverse distance.
        neighbor_type : Array, (n, nnei) integers
        center_type : Array, (n,) integers
        switch : Array, (n, nnei)
        table : Array, (ntypes, dim)
            The types' embedding vectors.
        """
        xp = array_namespace(s)
        nnei = shape(s)[1]
        center = xp.broadcast_to(center_type[:, None], shape(neighbor_type))
        if not self.is_strip:
            pair = [neighbor_type] if self.type_one_side else [neighbor_type, center]
            features = [
                xp.reshape(xp.take(table, xp.reshape(t, (-1,)), axis=0), (-1, nnei, table.shape[1])) for t in pair
            ]
            return self.embeddings[()](xp.concat([s[..., None], *features], axis=-1))
        index = neighbor_type if self.type_one_side else center * table.shape[0] + neighbor_type
        of_types = xp.take(self.type_factors(table), xp.reshape(index, (-1,)), axis=0)
        of_types = xp.reshape(of_types, (-1, nnei, self.width))
        if self.smooth:
            of_types = of_types * switch[:, :, None]
        of_distance = self.embeddings[()](s[..., None])
        return of_distance * of_types + of_distance

    def type_factors(self, table: Array) -> Array:
        """The strip net's output for each type, or pair of types at centre * ntypes + neighbor."""
        net = self.embeddings_strip[()]  # type: ignore[index]
        return net(table if self.type_one_side else type_pairs(table))

    @classmethod
    def initial(
        cls, section: Mapping[str, Any], tebd_dim: int, rng: np.random.Generator, *, is_strip: bool, smooth: bool
    ) -> TypedEmbedding:
        """That of a descriptor's section of the input, random weights."""
        sides = 1 if section["type_one_side"] else 2

        def new(nin: int) -> NetworkCollection:
            return NetworkCollection(networks=(EmbeddingNetwork.of_section(rng, nin, section),))

        return cls(
            embeddings=new(1 if is_strip else 1 + sides * tebd_dim),
            embeddings_strip=new(sides * tebd_dim) if is_strip else None,
            type_one_side=section["type_one_side"],
            smooth=smooth,
        )


def type_pairs(table: Array) -> Array:
    """The vectors of neighbor and centre joined, for each pair at centre * ntypes + neighbor: (ntypes², 2 dim)."""
    xp = array_namespace(table)
    ntypes, dim = table.shape
    neighbor = xp.broadcast_to(table[None, :, :], (ntypes, ntypes, dim))
    center = xp.broadcast_to(table[:, None, :], (ntypes, ntypes, dim))
    return xp.reshape(xp.concat([neighbor, center], axis=-1), (-1, 2 * dim))
