# SPDX-License-Identifier: LGPL-3.0-or-later
"""The stack of layers, with the edges' first features."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepmd_dp.descriptor.block_matrix import read_matrix, write_matrix
from deepmd_dp.descriptor.repformer.contract import deserialize_layer, new_layer, serialize_layer
from deepmd_dp.descriptor.repformer.layer import RepformerLayer
from deepmd_dp.descriptor.repformer.neighborhood import Neighborhood
from deepmd_dp.descriptor.repformer.settings import RepformerSettings
from deepmd_dp.dialect.activations import activation
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.module import Module, module, static
from deepmd_dp.dialect.precision import precision_name
from deepmd_dp.dialect.settings import write_settings
from deepmd_dp.environment.environment import Environment
from deepmd_dp.environment.environment_matrix import Edges, EnvironmentMatrix
from deepmd_dp.nn.network import Layer


@module
class Repformer(Module):
    r"""Message passing between the atoms: g1 and g2 of the layers, from g1 = act(g1), g2 = act(W s + b), h2 = R.

    s and R are the radial and the directional columns of the environment matrix, or with `direct_dist` the distance
    and the displacement, divided by the cut-off radius.
    """

    g2_embd: Layer
    layers: tuple[RepformerLayer, ...]
    matrix: EnvironmentMatrix
    settings: RepformerSettings
    smooth: bool = static(default=True)

    def __call__(
        self, g1: Float[Array, "ncenters g1_dim"], env: Environment
    ) -> tuple[Float[Array, "ncenters g1_dim"], Float[Array, "ncenters g2_dim 3"]]:
        """Features and vectors of the local atoms, of features g1."""
        (edges,) = self.matrix.edges(env)
        (block,) = env.blocks(self.matrix.spec)
        act = activation(self.settings.activation_function)
        first, h2, switch = self._edge_features(edges)
        near = Neighborhood.of(
            env,
            block,
            edges.kept,
            switch,
            sum(self.matrix.sel),
            sqrt=self.settings.use_sqrt_nnei,
            smooth=self.smooth,
        )
        g1, g2 = act(g1), act(self.g2_embd(first))
        for layer in self.layers:
            g1, g2, h2 = layer(g1, g2, h2, near)
        xp = array_namespace(g2)
        vectors = xp.matmul(xp.matrix_transpose(g2), h2 * near.factor[..., None]) * near.per_moment
        return g1, vectors

    def numbers_per_atom(self, nnei: int) -> int:
        """Those of all layers."""
        return sum(layer.numbers_per_atom(nnei) for layer in self.layers)

    def _edge_features(
        self, edges: Edges
    ) -> tuple[Float[Array, "ncenters nnei 1"], Float[Array, "ncenters nnei 3"], Float[Array, "ncenters nnei"]]:
        """Invariant, vector and switch of the edges."""
        rows = self.matrix.rows(edges)
        if not self.settings.direct_dist:
            return rows.matrix[..., :1], rows.matrix[..., 1:], rows.switch
        xp = array_namespace(edges.edge_vec)
        dtype, scale = rows.matrix.dtype, 1.0 / self.settings.rcut
        distance = xp.astype(rows.distance, dtype)[..., None]
        return distance * scale, xp.astype(edges.edge_vec, dtype) * scale, rows.switch

    def serialize(self, ntypes: int, precision: str) -> dict[str, Any]:
        """The contract's entries ``repformer_args`` and ``repformers_variable``."""
        variable = {
            "g2_embd": self.g2_embd.serialize(),
            "repformer_layers": [
                serialize_layer(each, ntypes=ntypes, smooth=self.smooth, precision=precision) for each in self.layers
            ],
            **write_matrix(self.matrix),
        }
        return {"repformer_args": write_settings(self.settings), "repformers_variable": variable}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Repformer:
        """Of a descriptor's tree in the contract."""
        settings, trainable = RepformerSettings.of(data["repformer_args"]), data.get("trainable", True)
        variable, where = data["repformers_variable"], "repformer"
        return cls(
            g2_embd=Layer.deserialize(variable["g2_embd"], f"{where}, g2_embd"),
            layers=tuple(
                deserialize_layer(x, settings.of_layer(i), f"{where}, layer {i}", trainable)
                for i, x in enumerate(variable["repformer_layers"])
            ),
            matrix=read_matrix(data, _list_settings(settings), variable, where),
            settings=settings,
            smooth=data["smooth"],
        )

    @classmethod
    def initial(cls, section: dict[str, Any], ntypes: int, rng: np.random.Generator) -> Repformer:
        """Of a descriptor's section of the input, random weights and neutral statistics."""
        settings = RepformerSettings.of(section["repformer"])
        common: dict[str, Any] = {"precision": precision_name(section["precision"]), "trainable": section["trainable"]}
        return cls(
            g2_embd=Layer.initial(rng, 1, settings.g2_dim, **common),
            layers=tuple(new_layer(rng, settings, i, **common) for i in range(settings.nlayers)),
            matrix=EnvironmentMatrix.initial(section | _list_settings(settings), ntypes, by_type=False),
            settings=settings,
            smooth=section["smooth"],
        )


def _list_settings(settings: RepformerSettings) -> dict[str, Any]:
    names = ("rcut", "rcut_smth", "set_davg_zero")
    return {**{name: getattr(settings, name) for name in names}, "sel": settings.nsel}
