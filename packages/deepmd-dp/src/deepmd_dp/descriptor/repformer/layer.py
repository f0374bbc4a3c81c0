# SPDX-License-Identifier: LGPL-3.0-or-later
"""One layer of a repformer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd_dp.descriptor.message_passing import Residuals, combine, moment_invariants
from deepmd_dp.descriptor.repformer.attention import EdgeAttention, LocalAttention
from deepmd_dp.descriptor.repformer.settings import RepformerSettings
from deepmd_dp.dialect.activations import activation
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.module import Module, module, static
from deepmd_dp.nn.network import Layer

if TYPE_CHECKING:
    from deepmd_dp.descriptor.repformer.neighborhood import Neighborhood


@module
class RepformerLayer(Module):
    r"""Updates the features of atoms, g1, and of edges, g2 (invariant) and h2 (a vector).

    With f_j the edge's factor, N the number of neighbors and M = Σ_j f_j (h2_j, g2_j) ⊗ g1_j:

    - g1: act(linear1(·)) of the invariants of Σ_j f_j h2_j ⊗ g2_j (grrg) and of M's vectors (drrd), both divided by
      √N or N; the convolution Σ_j f_j (W g2_j) g1_j / N, which is a contraction of M; attention to the neighbors;
    - g2: act(linear2(g2)), W(f_j g1_i g1_j), attention among the edges; h2: that attention.

    References
    ----------
    Zhang et al., npj Comput. Mater. 10, 293 (2024) (DPA-2, arXiv:2312.15492).
    """

    linear1: Layer
    linear2: Layer | None = None
    g1_self_mlp: Layer | None = None
    proj_g1g2: Layer | None = None
    proj_g1g1g2: Layer | None = None
    loc_attn: LocalAttention | None = None
    edge_attn: EdgeAttention | None = None
    g1_residual: Residuals = ()
    g2_residual: Residuals = ()
    h2_residual: Residuals = ()
    settings: RepformerSettings
    trainable: bool = static(default=True)

    def __call__(
        self,
        g1: Float[Array, "ncenters g1_dim"],
        g2: Float[Array, "ncenters nnei g2_dim"],
        h2: Float[Array, "ncenters nnei 3"],
        near: Neighborhood,
    ) -> tuple[Float[Array, "ncenters g1_dim"], Float[Array, "ncenters nnei g2_dim"], Float[Array, "ncenters nnei 3"]]:
        """The three updated."""
        gg1 = near.gather(g1) if self._looks_at_neighbors else None
        g1_new = self._combine([g1, *self._updates_of_atoms(g1, gg1, g2, h2, near)], self.g1_residual)
        if self.linear2 is None:
            return g1_new, g2, h2
        invariants, vectors = self._updates_of_edges(g1, gg1, g2, h2, near)
        return (
            g1_new,
            self._combine([g2, *invariants], self.g2_residual),
            self._combine([h2, *vectors], self.h2_residual),
        )

    def numbers_per_atom(self, nnei: int) -> int:
        """Numbers that are held for an atom with so many neighbors.

        Of each neighbor its features and those of the edge, with their products; of each pair of them the logit, the
        softmax with its parts and the weight, for each head.
        """
        settings = self.settings
        of_edge = 2 * settings.g1_dim + 4 * settings.g2_dim
        of_pair = 0 if self.edge_attn is None else 6 * self.edge_attn.nhead
        return nnei * (of_edge + nnei * of_pair)

    @property
    def _looks_at_neighbors(self) -> bool:
        s = self.settings
        return s.update_g1_has_drrd or s.update_g1_has_conv or s.update_g1_has_attn or s.update_g2_has_g1g1

    def _updates_of_atoms(self, g1: Array, gg1: Array | None, g2: Array, h2: Array, near: Neighborhood) -> list[Array]:
        """In the order of the residuals."""
        xp = array_namespace(g1)
        settings, act = self.settings, activation(self.settings.activation_function)
        updates = [] if self.g1_self_mlp is None else [act(self.g1_self_mlp(g1))]
        features = [g1] if self.g1_self_mlp is None else []
        vectors = h2 * near.factor[..., None]
        moments, convolved = self._neighbor_moments(gg1, g2, vectors, near)
        if convolved is not None:
            (updates if settings.g1_out_conv else features).append(convolved)
        if settings.update_g1_has_grrg:
            of_edges = xp.matmul(xp.matrix_transpose(vectors), g2) * near.per_moment
            features.append(moment_invariants(of_edges, settings.axis_neuron))
        if moments is not None:
            features.append(moment_invariants(moments, settings.axis_neuron))
        updates.append(act(self.linear1(xp.concat(features, axis=-1) if len(features) > 1 else features[0])))
        if self.loc_attn is not None:
            assert gg1 is not None, "the layer looks at neighbors"
            updates.append(self.loc_attn(g1, gg1, near))
        return updates

    def _neighbor_moments(
        self,
        gg1: Float[Array, "ncenters nnei g1_dim"] | None,
        g2: Float[Array, "ncenters nnei g2_dim"],
        vectors: Float[Array, "ncenters nnei 3"],
        near: Neighborhood,
    ) -> tuple[Float[Array, "ncenters 3 g1_dim"] | None, Float[Array, "ncenters dim"] | None]:
        """Moments and convolution (see `_convolve`), each None where not wanted: one product for both."""
        settings = self.settings
        left = [vectors] if settings.update_g1_has_drrd else []
        if self.proj_g1g2 is not None:
            left.append(g2 * near.factor[..., None])
        if not left:
            return None, None
        xp = array_namespace(g2)
        rows = xp.concat(left, axis=-1) if len(left) > 1 else left[0]
        products = xp.matmul(xp.matrix_transpose(rows), gg1)
        nvectors = 3 if settings.update_g1_has_drrd else 0
        moments = products[:, :3, :] * near.per_moment if nvectors else None
        if self.proj_g1g2 is None:
            return moments, None
        return moments, self._convolve(products[:, nvectors:, :], self.proj_g1g2.w) * near.per_neighbor[:, :, 0]

    def _convolve(
        self, products: Float[Array, "ncenters g2_dim g1_dim"], w: Float[Array, "nin nout"]
    ) -> Float[Array, "ncenters g1_dim"] | Float[Array, "ncenters g2_dim"]:
        """Of Σ_j f_j g2_j ⊗ g1_j: Σ_j f_j (W g2_j) g1_j, or Σ_j f_j g2_j (W g1_j)."""
        xp = array_namespace(products)
        if self.settings.g1_out_conv:
            return xp.sum(products * w, axis=1)
        return xp.sum(products * xp.matrix_transpose(w), axis=2)

    def _updates_of_edges(
        self, g1: Array, gg1: Array | None, g2: Array, h2: Array, near: Neighborhood
    ) -> tuple[list[Array], list[Array]]:
        """Of the invariants and of the vectors, in the order of the residuals."""
        assert self.linear2 is not None, "the last layer updates no edges"
        invariants, vectors = [activation(self.settings.activation_function)(self.linear2(g2))], []
        if self.proj_g1g1g2 is not None:
            invariants.append(self.proj_g1g1g2(g1[:, None, :] * gg1) * near.factor[..., None])
        if self.edge_attn is not None:
            of_edges, of_vectors = self.edge_attn(g2, h2, near)
            invariants += [] if of_edges is None else [of_edges]
            vectors += [] if of_vectors is None else [of_vectors]
        return invariants, vectors

    def _combine(self, parts: list[Array], residuals: Residuals) -> Array:
        """The features and their updates, in the style of the settings."""
        return combine(parts, residuals, self.settings.update_style)
