# SPDX-License-Identifier: LGPL-3.0-or-later
"""Attention among the neighbors of an atom, gated by the angles between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from deepmd.contract import check_class
from deepmd.errors import ModelFileError
from deepmd_dp.dialect import ops
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.module import Module, module, static
from deepmd_dp.dialect.precision import precision_name
from deepmd_dp.dialect.settings import read_settings, setting, write_settings
from deepmd_dp.nn.network import Layer, LayerNorm

_SHIFT = 20.0
"""By how much the logit of a neighbor sinks on its way to the cut-off, smooth attention."""
_LARGEST_LOGIT = 30.0
"""The exponential of it has an inverse whose square single precision holds."""
_LEFT_OUT = -1e9
"""Added to a logit, its exponential is 0."""


class Neighbors(NamedTuple):
    """What all attention layers need to know of the centres' neighbors."""

    rest: Float[Array, "ncenters 1 1"]  # slots that count in the softmax besides
    length: Float[Array, "ncenters nnei 1"] | float  # of the queries and keys: s_i; 1: the attention is not smooth
    shift: Float[Array, "ncenters #nnei nnei"]  # of the logits: 20 s_i s_j - 20, far down for what does not count
    gate: Float[
        Array, "ncenters nnei #nnei"
    ]  # factor of the attention weights: switches, cosines, 0 for what is not looked at


def gated_neighbors(
    is_kept: Float[Array, "ncenters nnei"],
    occupied: Float[Array, "ncenters nnei"],
    rest: Float[Array, "ncenters 1"],
    switch: Float[Array, "ncenters nnei"],
    direction: Float[Array, "ncenters nnei 3"] | None,
    *,
    smooth: bool,
) -> Neighbors:
    """The neighbors as the attention layers see them, computed once for all layers.

    Parameters
    ----------
    is_kept
        1 for a neighbor that is looked at, 0 for an empty or excluded slot.
    occupied
        1 for a slot that counts in the softmax of smooth attention.
    rest
        Slots that count in it besides.
    switch
        Switch, 0 where not kept.
    direction
        Unit vectors, whose cosines enter the gate; None: they don't.
    """
    xp = array_namespace(switch)
    counts = occupied if smooth else is_kept
    shift = xp.where(counts > 0, 0.0 * counts, _LEFT_OUT * xp.ones_like(counts))[:, None, :]
    factor = (switch if smooth else is_kept)[:, :, None]
    # one product of narrow matrices in the place of products of arrays as large as all pairs
    row = factor if direction is None else factor * direction
    gate = factor if direction is None and not smooth else ops.matmul_transposed(row, row)
    if not smooth:
        return Neighbors(0.0 * rest[:, :, None], 1.0, shift, gate)
    pair_switch = ops.matmul_transposed(_SHIFT * factor, factor)
    return Neighbors(rest[:, :, None], factor, pair_switch + (shift - _SHIFT), gate)


@module
class GatedAttention(Module):
    r"""One head of attention: softmax(α q kᵀ) v, each weight times the cosine between its two neighbors.

    Smooth attention turns the logits into (l + 20) s_i s_j - 20 and multiplies the weights by
    s_i s_j, with the switches s, so that a neighbor leaves without a jump. Arrays of all pairs are
    what it costs, so the switches stand in the lengths of q and k.

    References
    ----------
    Zhang et al., npj Comput. Mater. 10, 94 (2024) (DPA-1, arXiv:2208.08236), eq. 11-15.
    """

    in_proj: Layer
    out_proj: Layer
    normalize: bool = static(default=True)
    scaling: float = static(default=1.0)

    def __call__(self, x: Float[Array, "ncenters nnei width"], near: Neighbors) -> Float[Array, "ncenters nnei width"]:
        """Output for the embeddings x."""
        to_q, to_k, to_v = self.in_proj.columns(3)
        length = self.scaling * near.length
        if self.normalize:
            q, k = ops.unit_vectors(to_q(x), length), ops.unit_vectors(to_k(x), near.length)
        else:
            q, k = to_q(x) * length, to_k(x) * near.length
        logits = ops.matmul_transposed(q, k) + near.shift
        # length 1 bounds the logits from above, smooth or not, and from below, so that the exponentials are finite
        bound = 0.0 if self.normalize and abs(self.scaling) < _LARGEST_LOGIT else None
        weights = ops.weighted_softmax(logits, None, near.rest, -_SHIFT, bound) * near.gate
        return self._attended(weights, to_v, x)

    def _attended(
        self, weights: Float[Array, "ncenters nnei nnei"], to_v: Layer, x: Float[Array, "ncenters nnei width"]
    ) -> Float[Array, "ncenters nnei width"]:
        """The projection of weights v, in the order that has the narrower product of all pairs."""
        xp = array_namespace(x)
        out = self.out_proj
        hidden, width = out.w.shape
        if hidden < width:
            return out(xp.matmul(weights, ops.unit_vectors(to_v(x)) if self.normalize else to_v(x)))
        values = to_v.then(out.w)(x)
        if self.normalize:
            values = ops.scale_rows(values, ops.inverse_length(to_v(x)))
        attended = xp.matmul(weights, values)
        return attended if out.b is None else attended + out.b


@module
class AttentionLayer(Module):
    """Attention with a skip connection, then a layer norm."""

    attention: GatedAttention
    norm: LayerNorm

    def __call__(self, x: Float[Array, "ncenters nnei width"], near: Neighbors) -> Float[Array, "ncenters nnei width"]:
        return self.norm(x + self.attention(x, near))

    def of_empty_slot(self, x: Float[Array, "ncenters 1 width"]) -> Float[Array, "ncenters 1 width"]:
        """The same for the embedding of an empty slot, to which nothing is attended."""
        bias = self.attention.out_proj.b
        return self.norm(x if bias is None else x + bias)


@module
class NeighborGatedAttention(Module):
    """A stack of attention layers; its scalars are the contract's."""

    layers: tuple[AttentionLayer, ...]
    nnei: int = setting()
    embed_dim: int = setting()
    hidden_dim: int = setting()
    dotr: bool = setting()
    do_mask: bool = setting()
    scaling_factor: float = setting()
    normalize: bool = setting()
    temperature: float | None = setting()
    trainable_ln: bool = setting()
    ln_eps: float = setting()
    precision: str = setting(read=precision_name)
    smooth: bool = static()

    def __call__(self, x: Float[Array, "ncenters nnei width"], near: Neighbors) -> Float[Array, "ncenters nnei width"]:
        for layer in self.layers:
            x = layer(x, near)
        return x

    def numbers_per_atom(self, nnei: int) -> int:
        """Numbers that are held for an atom with so many neighbors.

        A layer has of each neighbor q, k and v, before and after they are normalised, what is attended and what
        becomes of it; of each pair the logit, the softmax with its parts, and the weight. The gate is common to all.
        """
        of_neighbor = 7 * self.hidden_dim + 4 * self.embed_dim
        return len(self.layers) * nnei * (of_neighbor + 6 * nnei)

    def of_empty_slot(self, x: Float[Array, "ncenters 1 width"]) -> Float[Array, "ncenters 1 width"]:
        """What the stack makes of an empty slot's embedding."""
        for layer in self.layers:
            x = layer.of_empty_slot(x)
        return x

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        scalars = write_settings(self)
        common = {k: v for k, v in scalars.items() if k not in ("trainable_ln", "ln_eps")}
        return {
            "@class": "NeighborGatedAttention",
            "@version": 1,
            "layer_num": len(self.layers),
            **scalars,
            "attention_layers": [
                {
                    **scalars,
                    "attention_layer": {
                        **common,
                        "num_heads": 1,
                        "bias": each.attention.in_proj.b is not None,
                        "smooth": self.smooth,
                        "in_proj": each.attention.in_proj.serialize(),
                        "out_proj": each.attention.out_proj.serialize(),
                    },
                    "attn_layer_norm": each.norm.serialize(),
                }
                for each in self.layers
            ],
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any], smooth: bool) -> NeighborGatedAttention:
        """The module of the contract's tree."""
        check_class(data, "NeighborGatedAttention", 1, 1)
        return cls(
            layers=tuple(_deserialize_layer(x, i) for i, x in enumerate(data["attention_layers"])),
            smooth=smooth,
            **read_settings(cls, data),
        )

    @classmethod
    def of_section(
        cls, section: Mapping[str, Any], nnei: int, smooth: bool, rng: np.random.Generator
    ) -> NeighborGatedAttention:
        """A new one of a descriptor's section of the input, for lists of `nnei` slots; its norms only normalise."""
        given = {
            **section,
            "nnei": nnei,
            "embed_dim": section["neuron"][-1],
            "hidden_dim": section["attn"],
            "dotr": section["attn_dotr"],
            "do_mask": section["attn_mask"],
            "temperature": section.get("temperature"),
            "ln_eps": 1e-5 if section["ln_eps"] is None else section["ln_eps"],
        }
        empty = cls(layers=(), smooth=smooth, **read_settings(cls, given))
        return replace(
            empty, layers=tuple(empty._new_layer(rng, section["trainable"]) for _ in range(section["attn_layer"]))
        )

    def _new_layer(self, rng: np.random.Generator, trainable: bool) -> AttentionLayer:
        dim, hidden = self.embed_dim, self.hidden_dim
        common: dict[str, Any] = {"precision": self.precision, "trainable": trainable}
        attention = GatedAttention(
            in_proj=Layer.initial(rng, dim, 3 * hidden, **common),
            out_proj=Layer.initial(rng, hidden, dim, **common),
            normalize=self.normalize,
            scaling=_scaling(hidden, self.scaling_factor, self.temperature),
        )
        common["trainable"] = trainable and self.trainable_ln
        return AttentionLayer(attention=attention, norm=LayerNorm.initial(dim, self.ln_eps, **common))


def _scaling(hidden: int, factor: float, temperature: float | None) -> float:
    if temperature is not None:
        return temperature
    if not factor > 0.0:
        raise ModelFileError(f"the attention has the scaling_factor {factor}; expected a positive number: damaged.")
    return float((hidden * factor) ** -0.5)


def _deserialize_layer(data: dict[str, Any], index: int) -> AttentionLayer:
    inner = data["attention_layer"]
    if inner["num_heads"] != 1:
        raise ModelFileError(f"attention layer {index} has {inner['num_heads']} heads; se_atten models have 1.")
    names = ("in_proj", "out_proj")
    projections = {name: Layer.deserialize(inner[name], f"attention layer {index}, {name}") for name in names}
    if any(each.activation_function not in ("none", "linear") for each in projections.values()):
        raise ModelFileError(f"attention layer {index} has projections that are not linear; se_atten models have none.")
    return AttentionLayer(
        attention=GatedAttention(
            **projections,
            normalize=inner["normalize"],
            scaling=_scaling(inner["hidden_dim"], inner["scaling_factor"], inner["temperature"]),
        ),
        norm=LayerNorm.deserialize(data["attn_layer_norm"], f"attention layer {index}, norm"),
    )
