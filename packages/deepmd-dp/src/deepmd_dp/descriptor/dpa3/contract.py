# SPDX-License-Identifier: LGPL-3.0-or-later
"""Layers of DPA-3 in the contract, and new ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepmd.contract import check_class
from deepmd.errors import ModelFileError
from deepmd_dp.descriptor.dpa3.layer import RepflowLayer
from deepmd_dp.descriptor.dpa3.settings import RepflowSettings
from deepmd_dp.descriptor.message_passing import new_residuals, read_residuals
from deepmd_dp.dialect.settings import write_settings
from deepmd_dp.nn.network import Layer

_OF_BLOCK = ("nlayers", "fix_stat_std", "edge_init_use_dist", "use_exp_switch")
"""Settings that the contract does not repeat in each layer."""


def layer_sizes(settings: RepflowSettings) -> dict[str, tuple[int, int, bool]]:
    """For each part of a layer that there is: how many numbers it takes and gives, and whether it has a bias."""
    s = settings
    n_dim, e_dim, a_dim = s.n_dim, s.e_dim, s.a_dim
    of_edge = 2 * n_dim + e_dim
    sizes = {
        "node_self_mlp": (n_dim, n_dim, True),
        "node_sym_linear": ((n_dim + e_dim) * s.axis_neuron, n_dim, True),
        "node_edge_linear": (of_edge, n_dim * s.n_multi_edge_message, True),
        "edge_self_linear": (of_edge, e_dim, True),
    }
    if s.update_angle:
        of_angle = sum(s.angle_rows)
        sizes |= {
            "edge_angle_linear1": (of_angle, e_dim, True),
            "edge_angle_linear2": (e_dim, e_dim, True),
            "angle_self_linear": (of_angle, a_dim, True),
        }
    if s.has_compression:
        n_compressed, e_compressed = s.compressed_dims
        sizes |= {
            "a_compress_n_linear": (n_dim, n_compressed, False),
            "a_compress_e_linear": (e_dim, e_compressed, False),
        }
    return sizes


def serialize_layer(layer: RepflowLayer, *, ntypes: int, precision: str) -> dict[str, Any]:
    """The contract's tree of a layer."""
    settings = layer.settings
    data: dict[str, Any] = {
        "@class": "RepFlowLayer",
        "@version": 2,
        "ntypes": ntypes,
        "activation_function": layer.activation_function,
        "precision": precision,
        **{name: value for name, value in write_settings(settings).items() if name not in _OF_BLOCK},
        "e_sel": [settings.e_sel],
    }
    data |= {name: getattr(layer, name).serialize() for name in layer_sizes(settings)}
    if settings.update_style == "res_residual":
        data["@variables"] = {name: list(getattr(layer, name)) for name in settings.residual_sizes}
    return data


def deserialize_layer(
    data: dict[str, Any], settings: RepflowSettings, activation_function: str, where: str, trainable: bool
) -> RepflowLayer:
    """The layer of a contract's tree."""
    check_class(data, "RepFlowLayer", 1, 2)
    parts: dict[str, Any] = {
        name: _read(data[name], size, f"{where}, {name}") for name, size in layer_sizes(settings).items()
    }
    if settings.update_style == "res_residual":
        parts |= read_residuals(data["@variables"], settings.residual_sizes, where)
    return RepflowLayer(settings=settings, activation_function=activation_function, trainable=trainable, **parts)


def _read(data: dict[str, Any], size: tuple[int, int, bool], where: str) -> Layer:
    layer = Layer.deserialize(data, where)
    nin, nout, bias = size
    if layer.w.shape != (nin, nout) or (layer.b is not None) != bias:
        raise ModelFileError(f"{where}: array `w` has the shape {layer.w.shape}; expected {(nin, nout)}: damaged.")
    return layer


def new_layer(
    rng: np.random.Generator, settings: RepflowSettings, activation_function: str, *, precision: str, trainable: bool
) -> RepflowLayer:
    """A layer with random first values."""
    parts: dict[str, Any] = {
        name: Layer.initial(rng, nin, nout, bias=bias, precision=precision, trainable=trainable)
        for name, (nin, nout, bias) in layer_sizes(settings).items()
    }
    if settings.update_style == "res_residual":
        parts |= new_residuals(
            rng,
            settings.residual_sizes,
            scale=settings.update_residual,
            start=settings.update_residual_init,
            precision=precision,
        )
    return RepflowLayer(settings=settings, activation_function=activation_function, trainable=trainable, **parts)
