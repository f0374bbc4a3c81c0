# SPDX-License-Identifier: LGPL-3.0-or-later
"""Attention of an atom to its neighbors, and of an edge to the other edges of its atom."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.contract import check_class
from deepmd_dp.descriptor.repformer.heads import query_key_map, split_heads, value_head_map
from deepmd_dp.dialect import ops
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import Module, module, static
from deepmd_dp.nn.network import Layer, LayerNorm

if TYPE_CHECKING:
    from deepmd_dp.descriptor.repformer.neighborhood import Neighborhood
    from deepmd_dp.descriptor.repformer.settings import RepformerSettings

SHIFT = 20.0
"""By how much the logit of a neighbor sinks on its way to the cut-off, smooth attention."""


_PER_ROOT_3: float = 1.0 / math.sqrt(3.0)
"""Factor of the cosines."""


@module
class LocalAttention(Module):
    r"""Attention of an atom to its neighbors: Σ_h H_h Σ_j softmax_j(q_ih·k_jh / √d) v_jh.

    With `smooth` the logits are (l + 20) s - 20 and the weights are multiplied by s, the edge's switch; all slots of
    the contract's list count in the softmax.
    """

    mapq: Layer
    mapkv: Layer
    head_map: Layer
    nhead: int = static()
    hidden_dim: int = static()

    def __call__(
        self, g1: Float[Array, "ncenters g1_dim"], gg1: Float[Array, "ncenters nnei g1_dim"], near: Neighborhood
    ) -> Float[Array, "ncenters g1_dim"]:
        """Of the features of atoms, g1, and of their neighbors, gg1."""
        xp = array_namespace(g1)
        dim, nhead = g1.shape[1], self.nhead
        ncolumns = self.hidden_dim * nhead
        keys, values = self.mapkv.w[:, :ncolumns], self.mapkv.w[:, ncolumns:]
        to_query = query_key_map(split_heads(self.mapq.w, nhead), split_heads(keys, nhead), self.hidden_dim)
        query = xp.reshape(xp.matmul(g1, to_query), (-1, nhead, dim))
        logits = xp.matmul(query, xp.matrix_transpose(gg1))
        attended = xp.matmul(self._weights(logits, near), gg1)
        of_heads = xp.reshape(self.head_map.w, (nhead, dim, dim))
        out = value_head_map(split_heads(values, nhead), of_heads)
        return xp.matmul(xp.reshape(attended, (-1, nhead * dim)), out) + self.head_map.b

    def _weights(
        self, logits: Float[Array, "ncenters nhead nnei"], near: Neighborhood
    ) -> Float[Array, "ncenters nhead nnei"]:
        kept, rest = near.kept[:, None, :], near.rest[:, :, None]
        if not near.smooth:
            return ops.weighted_softmax(logits, kept, rest, 0.0, None)
        # all logits are higher by SHIFT than they are said to be, which a softmax does not see
        switch = near.factor[:, None, :]
        logits = (logits + SHIFT) * switch
        return ops.weighted_softmax(logits, kept, rest, 0.0, ops.upper_bound(logits, rest, 0.0)) * switch

    def serialize(self, *, smooth: bool, precision: str) -> dict[str, Any]:
        """The contract's tree."""
        return {
            "@class": "LocalAtten",
            "@version": 1,
            "input_dim": self.mapq.w.shape[0],
            "hidden_dim": self.hidden_dim,
            "head_num": self.nhead,
            "smooth": smooth,
            "attnw_shift": SHIFT,
            "precision": precision,
            "mapq": self.mapq.serialize(),
            "mapkv": self.mapkv.serialize(),
            "head_map": self.head_map.serialize(),
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any], where: str) -> LocalAttention:
        """The module of the contract's tree."""
        check_class(data, "LocalAtten", 1, 1)
        names = ("mapq", "mapkv", "head_map")
        layers = {name: Layer.deserialize(data[name], f"{where}, {name}") for name in names}
        return cls(**layers, nhead=data["head_num"], hidden_dim=data["hidden_dim"])

    @classmethod
    def initial(
        cls, rng: np.random.Generator, dim: int, hidden: int, nhead: int, *, precision: str, trainable: bool
    ) -> LocalAttention:
        """Random first values."""
        common: dict[str, Any] = {"precision": precision, "trainable": trainable}
        return cls(
            mapq=Layer.initial(rng, dim, hidden * nhead, bias=False, **common),
            mapkv=Layer.initial(rng, dim, (hidden + dim) * nhead, bias=False, **common),
            head_map=Layer.initial(rng, dim * nhead, dim, **common),
            nhead=nhead,
            hidden_dim=hidden,
        )


@module
class EdgeAttention(Module):
    r"""Attention among the edges of an atom: A_hjk = softmax_k(q_jh·k_kh / √d) h_j·h_k / √3.

    With `has_gate` the logits are multiplied by h_j·h_k, too. With `smooth` they are (l + 20) s_j s_k - 20, and the
    weights are multiplied by s_j s_k. Updates the edges' invariants to norm(Σ_h H_h Σ_k A_hjk v_kh), and their vectors
    to Σ_h w_h Σ_k A_hjk h_k.
    """

    mapqk: Layer
    mapv: Layer | None = None
    head_map: Layer | None = None
    norm: LayerNorm | None = None
    vector_map: Layer | None = None
    nhead: int = static()
    hidden_dim: int = static()
    has_gate: bool = static(default=False)

    def __call__(
        self, g2: Float[Array, "ncenters nnei g2_dim"], h2: Float[Array, "ncenters nnei 3"], near: Neighborhood
    ) -> tuple[Float[Array, "ncenters nnei g2_dim"] | None, Float[Array, "ncenters nnei 3"] | None]:
        """Of invariants g2 and vectors h2 of the edges, likewise; None where not updated."""
        xp = array_namespace(g2)
        nnei, dim, nhead = shape(g2)[1], g2.shape[2], self.nhead
        columns = ([g2] if self.mapv is not None else []) + ([h2] if self.vector_map is not None else [])
        width = sum(each.shape[2] for each in columns)
        weights = xp.reshape(self._weights(g2, h2, near), (-1, nnei * nhead, nnei))
        attended = xp.matmul(weights, xp.concat(columns, axis=-1) if len(columns) > 1 else columns[0])
        attended = xp.reshape(attended, (-1, nnei, nhead, width))
        invariants = vectors = None
        if self.mapv is not None:
            invariants = self._invariants(xp.reshape(attended[..., :dim], (-1, nnei, nhead * dim)))
        if self.vector_map is not None:
            of_heads = xp.reshape(self.vector_map.w, (1, 1, nhead, 1))
            vectors = xp.sum(attended[..., width - 3 :] * of_heads, axis=2)
        return invariants, vectors

    def _weights(
        self, g2: Float[Array, "ncenters nnei g2_dim"], h2: Float[Array, "ncenters nnei 3"], near: Neighborhood
    ) -> Float[Array, "ncenters nnei nhead nnei"]:
        xp = array_namespace(g2)
        nnei, dim, nhead = shape(g2)[1], g2.shape[2], self.nhead
        both = split_heads(self.mapqk.w, 2 * nhead)
        to_query = query_key_map(both[:nhead, :, :], both[nhead:, :, :], self.hidden_dim)
        query = xp.reshape(xp.matmul(g2, to_query), (-1, nnei * nhead, dim))
        logits = xp.reshape(xp.matmul(query, xp.matrix_transpose(g2)), (-1, nnei, nhead, nnei))
        cosines = xp.matmul(h2, xp.matrix_transpose(h2))[:, :, None, :]
        kept, rest = near.kept[:, None, None, :], near.rest[:, :, None, None]
        if near.pair_switch is None:
            logits = logits * cosines if self.has_gate else logits
            factor: Array = cosines * (_PER_ROOT_3 * near.kept[:, :, None, None])
            return factor * ops.weighted_softmax(logits, kept, rest, 0.0, None)
        factor = cosines * near.pair_switch
        # all logits are higher by SHIFT than they are said to be, which a softmax does not see
        logits = logits * (factor if self.has_gate else near.pair_switch) + SHIFT * near.pair_switch
        weights: Array = ops.weighted_softmax(logits, kept, rest, 0.0, ops.upper_bound(logits, rest, 0.0))
        return weights * (_PER_ROOT_3 * factor)

    def _invariants(self, attended: Float[Array, "ncenters nnei n"]) -> Float[Array, "ncenters nnei g2_dim"]:
        assert self.mapv is not None and self.head_map is not None and self.norm is not None
        xp = array_namespace(attended)
        # the rows of the map stand at c * nhead + h, as do the columns of the values
        of_heads = xp.matrix_transpose(split_heads(xp.matrix_transpose(self.head_map.w), self.nhead))
        out = value_head_map(split_heads(self.mapv.w, self.nhead), of_heads)
        return self.norm(xp.matmul(attended, out) + self.head_map.b)

    def serialize(self, *, smooth: bool, precision: str) -> dict[str, Any]:
        """The contract's entries of a layer: the map of the weights and what it is applied to."""
        dim = self.mapqk.w.shape[0]
        common = {"@version": 1, "input_dim": dim, "head_num": self.nhead, "precision": precision}
        data: dict[str, Any] = {
            "attn2g_map": {
                "@class": "Atten2Map",
                **common,
                "hidden_dim": self.hidden_dim,
                "has_gate": self.has_gate,
                "smooth": smooth,
                "attnw_shift": SHIFT,
                "mapqk": self.mapqk.serialize(),
            }
        }
        if self.mapv is not None and self.head_map is not None and self.norm is not None:
            applied = {"mapv": self.mapv.serialize(), "head_map": self.head_map.serialize()}
            data["attn2_mh_apply"] = {"@class": "Atten2MultiHeadApply", **common, **applied}
            data["attn2_lm"] = self.norm.serialize()
        if self.vector_map is not None:
            applied = {"head_map": self.vector_map.serialize()}
            data["attn2_ev_apply"] = {"@class": "Atten2EquiVarApply", **common, **applied}
        return data

    @classmethod
    def deserialize(cls, data: dict[str, Any], where: str) -> EdgeAttention:
        """Of the contract's entries of a layer."""
        parts: dict[str, Any] = {}
        if "attn2_mh_apply" in data:
            applied = data["attn2_mh_apply"]
            check_class(applied, "Atten2MultiHeadApply", 1, 1)
            parts = {name: Layer.deserialize(applied[name], f"{where}, {name}") for name in ("mapv", "head_map")}
            parts["norm"] = LayerNorm.deserialize(data["attn2_lm"], f"{where}, norm")
        if "attn2_ev_apply" in data:
            check_class(data["attn2_ev_apply"], "Atten2EquiVarApply", 1, 1)
            parts["vector_map"] = Layer.deserialize(data["attn2_ev_apply"]["head_map"], f"{where}, vector map")
        weights = data["attn2g_map"]
        check_class(weights, "Atten2Map", 1, 1)
        mapqk = Layer.deserialize(weights["mapqk"], f"{where}, mapqk")
        names = {"nhead": "head_num", "hidden_dim": "hidden_dim", "has_gate": "has_gate"}
        return cls(mapqk=mapqk, **{name: weights[key] for name, key in names.items()}, **parts)

    @classmethod
    def initial(
        cls, rng: np.random.Generator, settings: RepformerSettings, *, precision: str, trainable: bool
    ) -> EdgeAttention:
        """Random first values; the layer norm starts as the identity."""
        dim, nhead = settings.g2_dim, settings.attn2_nhead
        common: dict[str, Any] = {"precision": precision, "trainable": trainable}
        parts: dict[str, Any] = {
            "mapqk": Layer.initial(rng, dim, 2 * settings.attn2_hidden * nhead, bias=False, **common)
        }
        if settings.update_g2_has_attn:
            parts["mapv"] = Layer.initial(rng, dim, dim * nhead, bias=False, **common)
            parts["head_map"] = Layer.initial(rng, dim * nhead, dim, **common)
            is_trained = trainable and settings.trainable_ln
            parts["norm"] = LayerNorm.initial(dim, settings.ln_eps, precision=precision, trainable=is_trained)
        if settings.update_h2:
            parts["vector_map"] = Layer.initial(rng, nhead, 1, bias=False, **common)
        return cls(nhead=nhead, hidden_dim=settings.attn2_hidden, has_gate=settings.attn2_has_gate, **parts)
