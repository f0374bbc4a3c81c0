# SPDX-License-Identifier: LGPL-3.0-or-later
"""Attention among the neighbours of an atom, gated by the angles between them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from deepmd.contract import check_class
from deepmd.errors import ModelFileError
from deepmd_dp import ops
from deepmd_dp.array_api import array_namespace
from deepmd_dp.module import Array, Module, module, static
from deepmd_dp.network import Layer, LayerNorm
from deepmd_dp.precision import numpy_dtype, precision_name

_SHIFT = 20.0
"""Logit below which a neighbour at the cut-off has sunk, smooth attention."""


class Neighbors(NamedTuple):
    """What the attention needs to know of the neighbours of `n` centres."""

    is_kept: Array  # (n, nnei) 1 for a neighbour that is looked at, 0 for an empty or excluded slot
    weights: Array  # (n, nnei) how often each slot counts in the softmax
    rest: Array  # (n, 1) slots that count besides
    switch: Array  # (n, nnei) switch, 0 where not kept
    direction: Array  # (n, nnei, 3) unit vectors of the normalised environment


@module
class GatedAttention(Module):
    r"""One head of attention: softmax(α q kᵀ) v, each weight times the cosine between its two neighbours.

    Smooth attention turns the logits into (l + 20) s_i s_j - 20 and multiplies the weights by
    s_i s_j, with the switches s, so that a neighbour leaves without a jump.

    References
    ----------
    Zhang et al., npj Comput. Mater. 10, 94 (2024) (DPA-1, arXiv:2208.08236), eq. 11-15.
    """

    in_proj: Layer
    out_proj: Layer
    dotr: bool = static(default=True)
    smooth: bool = static(default=True)
    normalize: bool = static(default=True)
    scaling: float = static(default=1.0)

    def __call__(self, x: Array, near: Neighbors) -> Array:
        """Output (n, nnei, M) for the embeddings x (n, nnei, M)."""
        xp = array_namespace(x)
        hidden = self.out_proj.w.shape[0]
        projected = self.in_proj(x)
        q, k, v = (projected[..., i * hidden : (i + 1) * hidden] for i in range(3))
        if self.normalize:
            q, k, v = ops.unit_vectors(q), ops.unit_vectors(k), ops.unit_vectors(v)
        logits = xp.matmul(q * self.scaling, xp.matrix_transpose(k))
        attention = self._weights(logits, near) * near.is_kept[:, :, None]
        if self.dotr:
            attention = attention * xp.matmul(near.direction, xp.matrix_transpose(near.direction))
        return self.out_proj(xp.matmul(attention, v))

    def _weights(self, logits: Array, near: Neighbors) -> Array:
        if not self.smooth:
            # far below any logit, but finite: an atom without neighbours has no NaN
            return ops.weighted_softmax(logits, _as_keys(near.is_kept, logits), 0.0 * near.rest[:, :, None], -1e30)
        both = near.switch[:, :, None] * near.switch[:, None, :]
        logits = (logits + _SHIFT) * both - _SHIFT
        return ops.weighted_softmax(logits, _as_keys(near.weights, logits), near.rest[:, :, None], -_SHIFT) * both


def _as_keys(weights: Array, logits: Array) -> Array:
    xp = array_namespace(logits)
    return weights[:, None, :] * xp.ones_like(logits)


@module
class AttentionLayer(Module):
    """Attention with a skip connection, then a layer norm."""

    attention: GatedAttention
    norm: LayerNorm

    def __call__(self, x: Array, near: Neighbors) -> Array:
        return self.norm(x + self.attention(x, near))

    def of_empty_slot(self, x: Array) -> Array:
        """The same for the embedding of an empty slot, to which nothing is attended."""
        bias = self.attention.out_proj.b
        return self.norm(x if bias is None else x + bias)


@module
class NeighborGatedAttention(Module):
    """A stack of attention layers; its scalars are the contract's."""

    layers: tuple[AttentionLayer, ...]
    nnei: int = static()
    embed_dim: int = static()
    hidden_dim: int = static()
    dotr: bool = static(default=True)
    do_mask: bool = static(default=False)
    scaling_factor: float = static(default=1.0)
    normalize: bool = static(default=True)
    temperature: float | None = static(default=None)
    trainable_ln: bool = static(default=True)
    ln_eps: float = static(default=1e-5)
    precision: str = static(default="float64")
    smooth: bool = static(default=True)

    def __call__(self, x: Array, near: Neighbors) -> Array:
        for layer in self.layers:
            x = layer(x, near)
        return x

    def of_empty_slot(self, x: Array) -> Array:
        """What the stack makes of an empty slot's embedding."""
        for layer in self.layers:
            x = layer.of_empty_slot(x)
        return x

    def _scalars(self) -> dict[str, Any]:
        names = (
            "nnei embed_dim hidden_dim dotr do_mask scaling_factor normalize temperature trainable_ln ln_eps precision"
        )
        return {name: getattr(self, name) for name in names.split()}

    def serialize(self) -> dict[str, Any]:
        scalars = self._scalars()
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
        check_class(data, "NeighborGatedAttention", 1, 1)
        return cls(
            layers=tuple(_deserialize_layer(x, i) for i, x in enumerate(data["attention_layers"])),
            smooth=smooth,
            precision=precision_name(data["precision"]),
            **{
                name: data[name]
                for name in (
                    "nnei embed_dim hidden_dim dotr do_mask scaling_factor normalize temperature trainable_ln ln_eps"
                ).split()
            },
        )

    @classmethod
    def initial(
        cls, rng: np.random.Generator, nlayers: int, trainable: bool = True, **scalars: Any
    ) -> NeighborGatedAttention:
        """Random first values; the layer norm starts as the identity."""
        empty = cls(layers=(), **scalars)
        dim, hidden, precision = empty.embed_dim, empty.hidden_dim, empty.precision
        dtype = numpy_dtype(precision)

        def new_layer() -> AttentionLayer:
            return AttentionLayer(
                attention=GatedAttention(
                    in_proj=Layer.initial(rng, dim, 3 * hidden, precision=precision, trainable=trainable),
                    out_proj=Layer.initial(rng, hidden, dim, precision=precision, trainable=trainable),
                    dotr=empty.dotr,
                    smooth=empty.smooth,
                    normalize=empty.normalize,
                    scaling=_scaling(hidden, empty.scaling_factor, empty.temperature),
                ),
                norm=LayerNorm(
                    w=np.ones(dim, dtype),
                    b=np.zeros(dim, dtype),
                    eps=empty.ln_eps,
                    precision=precision,
                    trainable=empty.trainable_ln and trainable,
                ),
            )

        return cls(layers=tuple(new_layer() for _ in range(nlayers)), **scalars)


def _scaling(hidden: int, factor: float, temperature: float | None) -> float:
    return (hidden * factor) ** -0.5 if temperature is None else temperature


def _deserialize_layer(data: dict[str, Any], index: int) -> AttentionLayer:
    inner = data["attention_layer"]
    if inner["num_heads"] != 1:
        raise ModelFileError(f"attention layer {index} has {inner['num_heads']} heads; se_atten models have 1.")
    return AttentionLayer(
        attention=GatedAttention(
            in_proj=Layer.deserialize(inner["in_proj"], f"attention layer {index}, in_proj"),
            out_proj=Layer.deserialize(inner["out_proj"], f"attention layer {index}, out_proj"),
            dotr=inner["dotr"],
            smooth=inner["smooth"],
            normalize=inner["normalize"],
            scaling=_scaling(inner["hidden_dim"], inner["scaling_factor"], inner["temperature"]),
        ),
        norm=LayerNorm.deserialize(data["attn_layer_norm"], f"attention layer {index}, norm"),
    )
