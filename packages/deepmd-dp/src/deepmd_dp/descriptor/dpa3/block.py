# SPDX-License-Identifier: LGPL-3.0-or-later
"""The stack of layers, with the first features of edges and angles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deepmd_dp.descriptor.block_matrix import read_matrix, write_matrix
from deepmd_dp.descriptor.dpa3.contract import deserialize_layer, new_layer, serialize_layer
from deepmd_dp.descriptor.dpa3.layer import RepflowLayer, edge_moments
from deepmd_dp.descriptor.dpa3.neighborhood import Neighborhood
from deepmd_dp.descriptor.dpa3.settings import RepflowSettings
from deepmd_dp.dialect.activations import activation
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import Module, module, static
from deepmd_dp.dialect.precision import precision_name
from deepmd_dp.dialect.settings import write_settings
from deepmd_dp.environment.environment import Environment, ListSpec
from deepmd_dp.environment.environment_matrix import EnvironmentMatrix, Rows
from deepmd_dp.nn.network import Layer

if TYPE_CHECKING:
    import numpy as np


@module
class Repflow(Module):
    r"""Messages between atoms, their edges, and the angles of these, from n = φ(n), e = φ(w s + b), a = w cos θ / √π.

    s is the radial column of the environment matrix; with `edge_init_use_dist` e = w r + b.
    """

    edge_embd: Layer
    angle_embd: Layer
    layers: tuple[RepflowLayer, ...]
    matrix: EnvironmentMatrix
    settings: RepflowSettings
    activation_function: str = static(default="silu")

    @property
    def lists(self) -> tuple[ListSpec, ListSpec]:
        """The list of the edges, and that of those with angles, which are the nearest."""
        settings, spec = self.settings, self.matrix.spec
        widths = None if spec.widths is None else (settings.a_sel,)
        return spec, ListSpec(settings.a_rcut, by_type=False, widths=widths)

    def __call__(
        self, node: Float[Array, "ncenters n_dim"], env: Environment
    ) -> tuple[Float[Array, "ncenters n_dim"], Callable[[], Float[Array, "ncenters e_dim 3"]]]:
        """Features of the local atoms, of features of theirs, and what computes vectors."""
        (edges,) = self.matrix.edges(env)
        of_edges, of_angles = (env.blocks(spec)[0] for spec in self.lists)
        rows = self.matrix.rows(edges)
        near = Neighborhood.of(env, of_edges, self.settings, edges, rows, shape(of_angles.nlist)[2])
        node = activation(self.activation_function)(node)
        edge, angle = self._first_edges(rows), self.angle_embd(near.cosines)
        for layer in self.layers[:-1]:
            node, edge, angle = layer(node, edge, angle, near)
        return self._last(node, edge, angle, near)

    def _last(
        self, node: Array, edge: Array, angle: Array, near: Neighborhood
    ) -> tuple[Float[Array, "ncenters n_dim"], Callable[[], Float[Array, "ncenters e_dim 3"]]]:
        """The last layer: its edges are looked at for vectors only, unless its atoms look at them."""
        layer = self.layers[-1]

        def vectors_of(edge: Array) -> Array:
            return array_namespace(edge).matrix_transpose(edge_moments(edge, near, self.settings))

        if self.settings.sequential_update:
            node, edge, _ = layer(node, edge, angle, near)
            return node, lambda: vectors_of(edge)
        return layer.update_nodes(node, edge, near), lambda: vectors_of(layer.update_edges(node, edge, angle, near)[0])

    def numbers_per_atom(self, nnei: int, nnear: int) -> int:
        """Those of all layers."""
        return sum(layer.numbers_per_atom(nnei, nnear) for layer in self.layers)

    def _first_edges(self, rows: Rows) -> Float[Array, "ncenters nnei e_dim"]:
        if not self.settings.edge_init_use_dist:
            return activation(self.activation_function)(self.edge_embd(rows.matrix[..., :1]))
        xp = array_namespace(rows.distance)
        return self.edge_embd(xp.astype(rows.distance, rows.matrix.dtype)[..., None])

    def serialize(self, ntypes: int, precision: str) -> dict[str, Any]:
        """The contract's entries ``repflow_args`` and ``repflow_variable``."""
        variable = {
            "edge_embd": self.edge_embd.serialize(),
            "angle_embd": self.angle_embd.serialize(),
            "repflow_layers": [serialize_layer(each, ntypes=ntypes, precision=precision) for each in self.layers],
            **write_matrix(self.matrix),
        }
        return {"repflow_args": write_settings(self.settings), "repflow_variable": variable}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Repflow:
        """Of a descriptor's tree in the contract."""
        settings, variable, where = RepflowSettings.of(data["repflow_args"]), data["repflow_variable"], "repflow"
        act, trainable = data["activation_function"], data.get("trainable", True)
        # deepmd-kit writes this setting in the other place only
        variable = variable | {"env_mat": {"use_exp_switch": settings.use_exp_switch}}
        matrix = read_matrix(data, _list_settings(settings), variable, where)
        return cls(
            edge_embd=Layer.deserialize(variable["edge_embd"], f"{where}, edge_embd"),
            angle_embd=Layer.deserialize(variable["angle_embd"], f"{where}, angle_embd"),
            layers=tuple(
                deserialize_layer(x, settings, act, f"{where}, layer {i}", trainable)
                for i, x in enumerate(variable["repflow_layers"])
            ),
            matrix=replace(matrix, fixed_deviation=settings.fix_stat_std),
            settings=settings,
            activation_function=act,
        )

    @classmethod
    def initial(cls, section: dict[str, Any], ntypes: int, rng: np.random.Generator) -> Repflow:
        """Of a descriptor's section of the input, random weights and neutral statistics."""
        settings, act = RepflowSettings.of(section["repflow"]), section["activation_function"]
        common: dict[str, Any] = {"precision": precision_name(section["precision"]), "trainable": section["trainable"]}
        matrix = EnvironmentMatrix.initial(section | _list_settings(settings), ntypes, by_type=False)
        scale = settings.fix_stat_std or 1.0
        return cls(
            edge_embd=Layer.initial(rng, 1, settings.e_dim, **common),
            angle_embd=Layer.initial(rng, 1, settings.a_dim, bias=False, **common),
            layers=tuple(new_layer(rng, settings, act, **common) for _ in range(settings.nlayers)),
            matrix=replace(matrix, dstd=matrix.dstd * scale, fixed_deviation=settings.fix_stat_std),
            settings=settings,
            activation_function=act,
        )


def _list_settings(settings: RepflowSettings) -> dict[str, Any]:
    return {
        "rcut": settings.e_rcut,
        "rcut_smth": settings.e_rcut_smth,
        "sel": settings.e_sel,
        "use_exp_switch": settings.use_exp_switch,
        "set_davg_zero": True,
    }
