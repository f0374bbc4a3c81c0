# SPDX-License-Identifier: LGPL-3.0-or-later
"""One layer of DPA-3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd_dp.descriptor.dpa3.settings import RepflowSettings
from deepmd_dp.descriptor.message_passing import Residuals, combine, moment_invariants
from deepmd_dp.dialect.activations import activation
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import Module, module, static
from deepmd_dp.nn.network import Layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepmd_dp.descriptor.dpa3.neighborhood import Neighborhood

Node = Float[Array, "ncenters n_dim"]
Edge = Float[Array, "ncenters nnei e_dim"]
Angle = Float[Array, "ncenters nnear nnear a_dim"]


@module
class RepflowLayer(Module):
    r"""Updates the features n of atoms, e of edges and a of angles between two edges.

    With the switch s of an edge, s' of an edge for the angles' cut-off, N and N' the numbers of edges and of angles:

    - n: φ(W n), φ(W·) of the invariants of Σ_j s_j h_j ⊗ e_j / √N and of Σ_j s_j h_j ⊗ n_j / √N with the directions h,
      and Σ_j s_j φ(W (n_i, n_j, e_j)) / N, of which there may be several;
    - e: φ(W (n_i, n_j, e_j)) and φ(W Σ_k s'_j s'_k φ(W (a_jk, n_i, e_k, e_j)) / √N');
    - a: φ(W (a_jk, n_i, e_k, e_j)).

    All of the old features; with `sequential_update` each of what was updated before it, in the order e, a, e, n.
    Without `smooth_edge_update` the second update of an edge without angles is φ(W e).

    References
    ----------
    Zhang et al., arXiv:2506.01686 (DPA-3).
    """

    node_self_mlp: Layer
    node_sym_linear: Layer
    node_edge_linear: Layer
    edge_self_linear: Layer
    edge_angle_linear1: Layer | None = None
    edge_angle_linear2: Layer | None = None
    angle_self_linear: Layer | None = None
    a_compress_n_linear: Layer | None = None
    a_compress_e_linear: Layer | None = None
    n_residual: Residuals = ()
    e_residual: Residuals = ()
    a_residual: Residuals = ()
    settings: RepflowSettings
    activation_function: str = static(default="silu")
    trainable: bool = static(default=True)

    def __call__(self, node: Node, edge: Edge, angle: Angle, near: Neighborhood) -> tuple[Node, Edge, Angle]:
        """The three updated."""
        new_edge, new_angle = self.update_edges(node, edge, angle, near)
        seen = new_edge if self.settings.sequential_update else edge
        return self.update_nodes(node, seen, near), new_edge, new_angle

    def update_edges(self, node: Node, edge: Edge, angle: Angle, near: Neighborhood) -> tuple[Edge, Angle]:
        """The edges' and the angles' features, of the old ones of the atoms."""
        if self.settings.sequential_update:
            return self._in_sequence(node, edge, angle, near)
        edges = [edge, self._of_edge(self.edge_self_linear, node, edge, near)]
        angles = [angle]
        if self.edge_angle_linear1 is not None and self.angle_self_linear is not None:
            looked_at = self._looked_at(node, edge, near)
            edges.append(self._reduced(self._of_angle(self.edge_angle_linear1, *looked_at, angle), edge, near))
            angles.append(self._of_angle(self.angle_self_linear, *looked_at, angle))
        return (
            combine(edges, self.e_residual, self.settings.update_style),
            combine(angles, self.a_residual, self.settings.update_style),
        )

    def numbers_per_atom(self, nnei: int, nnear: int) -> int:
        """Numbers that are held for an atom with so many edges, and so many that have angles.

        Of each edge and angle its features, and of each of its messages the argument and the value of the function.
        """
        s = self.settings
        of_edge = s.n_dim + 2 * s.n_dim * s.n_multi_edge_message + 4 * s.e_dim
        of_angle = 3 * s.a_dim + 2 * s.e_dim if s.update_angle else 0
        return nnei * of_edge + nnear * nnear * of_angle

    def update_nodes(self, node: Node, edge: Edge, near: Neighborhood) -> Node:
        """The atoms' features, of the edges' ones; with `sequential_update` the new ones."""
        xp = array_namespace(edge)
        act, s = activation(self.activation_function), self.settings
        moments = [edge_moments(features, near, s) for features in (edge, near.gather(node))]
        invariants = xp.concat([moment_invariants(each, s.axis_neuron) for each in moments], axis=-1)
        updates = [act(self.node_self_mlp(node)), act(self.node_sym_linear(invariants))]
        message = self._of_edge(self.node_edge_linear, node, edge, near)
        message = xp.matmul(near.switch[:, None, :], message) * (1.0 / s.e_number)
        heads = xp.reshape(message, (-1, s.n_multi_edge_message, s.n_dim))
        updates += [heads[:, k, :] for k in range(s.n_multi_edge_message)]
        return combine([node, *updates], self.n_residual, s.update_style)

    def _in_sequence(self, node: Node, edge: Edge, angle: Angle, near: Neighborhood) -> tuple[Edge, Angle]:
        """Edges and angles, each of what was updated before it."""
        style = self.settings.update_style
        assert self.angle_self_linear is not None, "the settings are checked"
        assert self.edge_angle_linear1 is not None, "the settings are checked"
        edge = combine([edge, self._of_edge(self.edge_self_linear, node, edge, near)], self.e_residual[:1], style)
        looked_at = self._looked_at(node, edge, near)
        angle = combine([angle, self._of_angle(self.angle_self_linear, *looked_at, angle)], self.a_residual, style)
        message = self._of_angle(self.edge_angle_linear1, *looked_at, angle)
        return combine([edge, self._reduced(message, edge, near)], self.e_residual[1:], style), angle

    def _of_edge(self, linear: Layer, node: Node, edge: Edge, near: Neighborhood) -> Float[Array, "ncenters nnei nout"]:
        """φ(W (n_i, n_j, e_j)); the atoms' parts are computed once an atom."""
        xp = array_namespace(edge)
        s = self.settings
        of_center, of_neighbor, of_edge = split_rows(linear.w, (s.n_dim, s.n_dim, s.e_dim))
        center = xp.matmul(node, of_center) + linear.b
        total = xp.matmul(edge, of_edge) + near.gather(xp.matmul(node, of_neighbor)) + center[:, None, :]
        return activation(self.activation_function)(total)

    def _looked_at(
        self, node: Node, edge: Edge, near: Neighborhood
    ) -> tuple[Float[Array, "ncenters n"], Float[Array, "ncenters nnear m"]]:
        """What the messages of angles are made of besides: features of the atoms, and of edges that have angles."""
        edge = edge[:, : shape(near.near)[1], :]
        n_dim, e_dim = self.settings.compressed_dims
        if self.a_compress_n_linear is not None and self.a_compress_e_linear is not None:
            node, edge = self.a_compress_n_linear(node), self.a_compress_e_linear(edge)
        elif self.settings.a_compress_rate:
            node, edge = node[:, :n_dim], edge[..., :e_dim]
        return node, edge * near.near[..., None]

    def _of_angle(
        self, linear: Layer, node: Float[Array, "ncenters n"], edge: Float[Array, "ncenters nnear m"], angle: Angle
    ) -> Float[Array, "ncenters nnear nnear nout"]:
        """φ(W (a_jk, n_i, e_k, e_j)); what does not depend on both edges is computed once an edge."""
        xp = array_namespace(edge)
        of_angle, of_node, of_k, of_j = split_rows(linear.w, self.settings.angle_rows)
        edge_j = xp.matmul(edge, of_j) + (xp.matmul(node, of_node) + linear.b)[:, None, :]
        edge_k = xp.matmul(edge, of_k)
        total = xp.matmul(angle, of_angle) + edge_k[:, None, :, :] + edge_j[:, :, None, :]
        return activation(self.activation_function)(total)

    def _reduced(self, message: Float[Array, "ncenters nnear nnear e_dim"], edge: Edge, near: Neighborhood) -> Edge:
        """The update of edges by the messages of their angles."""
        xp = array_namespace(message)
        s = self.settings
        assert self.edge_angle_linear2 is not None, "it goes with the messages"
        weights = near.near_switch[:, None, None, :] * (near.near_switch * float(s.a_number**-0.5))[:, :, None, None]
        reduced = xp.matmul(weights, message)[:, :, 0, :]
        nnear, act = shape(near.near)[1], activation(self.activation_function)
        if s.smooth_edge_update:  # where there are no angles the update is the same for all edges
            bias = self.edge_angle_linear2.b
            assert bias is not None, "such layers have one"
            far = xp.zeros_like(edge[:, nnear:, :]) + act(bias)
            return xp.concat([act(self.edge_angle_linear2(reduced)), far], axis=1)
        reduced = xp.where(near.near[..., None] > 0, reduced, edge[:, :nnear, :])
        return act(self.edge_angle_linear2(xp.concat([reduced, edge[:, nnear:, :]], axis=1)))


def edge_moments(
    features: Float[Array, "ncenters nnei dim"], near: Neighborhood, settings: RepflowSettings
) -> Float[Array, "ncenters 3 dim"]:
    """Σ_j s_j h_j ⊗ features_j / √N."""
    xp = array_namespace(features)
    return xp.matmul(xp.matrix_transpose(near.vectors), features) * float(settings.e_number**-0.5)


def split_rows(w: Float[Array, "nin nout"], sizes: Sequence[int]) -> list[Float[Array, "_ nout"]]:
    """The rows of a matrix that belong to each part of what it multiplies."""
    starts = [sum(sizes[:k]) for k in range(len(sizes))]
    return [w[start : start + size, :] for start, size in zip(starts, sizes, strict=True)]
