# SPDX-License-Identifier: LGPL-3.0-or-later
"""Layers of a repformer in the contract, and new ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepmd.contract import check_class
from deepmd_dp.descriptor.message_passing import new_residuals, read_residuals
from deepmd_dp.descriptor.repformer.attention import EdgeAttention, LocalAttention
from deepmd_dp.descriptor.repformer.layer import RepformerLayer
from deepmd_dp.descriptor.repformer.settings import RepformerSettings
from deepmd_dp.dialect.settings import write_settings
from deepmd_dp.nn.network import Layer

_OF_BLOCK = ("nsel", "nlayers", "direct_dist", "update_residual", "update_residual_init", "set_davg_zero")
"""Settings that the contract does not repeat in each layer."""
_LAYERS = ("linear1", "linear2", "g1_self_mlp", "proj_g1g2", "proj_g1g1g2")
_RESIDUALS = ("g1_residual", "g2_residual", "h2_residual")


def serialize_layer(layer: RepformerLayer, *, ntypes: int, smooth: bool, precision: str) -> dict[str, Any]:
    """The contract's tree of a layer."""
    settings = layer.settings
    data: dict[str, Any] = {
        "@class": "RepformerLayer",
        "@version": 2,
        "sel": [settings.nsel],
        "ntypes": ntypes,
        "update_chnnl_2": layer.linear2 is not None,
        "smooth": smooth,
        "precision": precision,
        **{name: value for name, value in write_settings(settings).items() if name not in _OF_BLOCK},
    }
    data |= {name: getattr(layer, name).serialize() for name in _LAYERS if getattr(layer, name) is not None}
    if layer.edge_attn is not None:
        data |= layer.edge_attn.serialize(smooth=smooth, precision=precision)
    if layer.loc_attn is not None:
        data["loc_attn"] = layer.loc_attn.serialize(smooth=smooth, precision=precision)
    if settings.update_style == "res_residual":
        data["@variables"] = {name: list(getattr(layer, name)) for name in _RESIDUALS}
    return data


def deserialize_layer(data: dict[str, Any], settings: RepformerSettings, where: str, trainable: bool) -> RepformerLayer:
    """The layer of a contract's tree."""
    check_class(data, "RepformerLayer", 1, 2)
    parts: dict[str, Any] = {
        name: Layer.deserialize(data[name], f"{where}, {name}") for name in _LAYERS if data.get(name) is not None
    }
    if "attn2g_map" in data:
        parts["edge_attn"] = EdgeAttention.deserialize(data, where)
    if "loc_attn" in data:
        parts["loc_attn"] = LocalAttention.deserialize(data["loc_attn"], f"{where}, attention")
    if settings.update_style == "res_residual":
        sizes = _residual_sizes(settings, has_edges="linear2" in parts)
        parts |= read_residuals(data["@variables"], sizes, where)
    return RepformerLayer(settings=settings, trainable=trainable, **parts)


def new_layer(
    rng: np.random.Generator, settings: RepformerSettings, index: int, *, precision: str, trainable: bool
) -> RepformerLayer:
    """A layer with random first values."""
    is_last = index == settings.nlayers - 1
    settings = settings.of_layer(index)
    dim1, dim2 = settings.g1_dim, settings.g2_dim
    common: dict[str, Any] = {"precision": precision, "trainable": trainable}
    parts: dict[str, Any] = {"linear1": Layer.initial(rng, _width(settings), dim1, **common)}
    if not is_last:
        parts["linear2"] = Layer.initial(rng, dim2, dim2, **common)
    if settings.g1_out_mlp:
        parts["g1_self_mlp"] = Layer.initial(rng, dim1, dim1, **common)
    if settings.update_g1_has_conv:
        nin, nout = (dim2, dim1) if settings.g1_out_conv else (dim1, dim2)
        parts["proj_g1g2"] = Layer.initial(rng, nin, nout, bias=False, **common)
    if settings.update_g2_has_g1g1:
        parts["proj_g1g1g2"] = Layer.initial(rng, dim1, dim2, bias=False, **common)
    if settings.update_g2_has_attn or settings.update_h2:
        parts["edge_attn"] = EdgeAttention.initial(rng, settings, **common)
    if settings.update_g1_has_attn:
        parts["loc_attn"] = LocalAttention.initial(rng, dim1, settings.attn1_hidden, settings.attn1_nhead, **common)
    if settings.update_style == "res_residual":
        sizes = _residual_sizes(settings, has_edges=not is_last)
        start, scale = settings.update_residual_init, settings.update_residual
        parts |= new_residuals(rng, sizes, scale=scale, start=start, precision=precision)
    return RepformerLayer(settings=settings, trainable=trainable, **parts)


def _width(settings: RepformerSettings) -> int:
    """Number of features from which `linear1` makes an update."""
    s = settings
    return (
        (0 if s.g1_out_mlp else s.g1_dim)
        + (s.g2_dim * s.axis_neuron if s.update_g1_has_grrg else 0)
        + (s.g1_dim * s.axis_neuron if s.update_g1_has_drrd else 0)
        + (s.g2_dim if s.update_g1_has_conv and not s.g1_out_conv else 0)
    )


def _residual_sizes(settings: RepformerSettings, has_edges: bool) -> dict[str, list[int]]:
    """Widths of the vectors that weigh the updates."""
    s = settings
    natoms = 1 + s.g1_out_mlp + (s.update_g1_has_conv and s.g1_out_conv) + s.update_g1_has_attn
    nedges = (1 + s.update_g2_has_g1g1 + s.update_g2_has_attn) if has_edges else 0
    return {
        "g1_residual": [s.g1_dim] * natoms,
        "g2_residual": [s.g2_dim] * nedges,
        "h2_residual": [1] * s.update_h2,
    }
