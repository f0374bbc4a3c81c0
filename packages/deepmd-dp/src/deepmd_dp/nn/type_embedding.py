# SPDX-License-Identifier: LGPL-3.0-or-later
"""A vector for each type, by which one net serves all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from deepmd.contract import check_class
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import constant
from deepmd_dp.dialect.module import Module, module
from deepmd_dp.dialect.precision import precision_name
from deepmd_dp.dialect.settings import read_settings, setting, write_settings
from deepmd_dp.nn.electron_configuration import ECONF_DIM, electron_configuration
from deepmd_dp.nn.network import EmbeddingNetwork


@module
class TypeEmbedNet(Module):
    """Embeds the types: a net applied to their unit vectors or to their electron configurations."""

    embedding: EmbeddingNetwork
    ntypes: int = setting()
    use_econf_tebd: bool = setting(default=False)
    use_tebd_bias: bool = setting(default=True)
    padding: bool = setting(default=True)
    precision: str = setting(default="float64", read=precision_name)
    trainable: bool = setting(default=True)
    type_map: tuple[str, ...] = setting(default=())

    def __call__(self) -> Float[Array, "ntypes dim"]:
        """One row a type."""
        codes = electron_configuration(self.type_map) if self.use_econf_tebd else np.eye(self.ntypes)
        return self.embedding(constant(codes, like=self.embedding.layers[0].w))

    @property
    def dim(self) -> int:
        """Width of a type's vector."""
        return self.embedding.neuron[-1]

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        return {
            "@class": "TypeEmbedNet",
            "@version": 2,
            **write_settings(self),
            "neuron": self.embedding.neuron,
            "resnet_dt": self.embedding.resnet_dt,
            "activation_function": self.embedding.layers[0].activation_function,
            "embedding": self.embedding.serialize(),
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> TypeEmbedNet:
        """The module of the contract's tree."""
        check_class(data, "TypeEmbedNet", 1, 2)
        embedding = EmbeddingNetwork.deserialize(data["embedding"], "type embedding")
        return cls(embedding=embedding, **read_settings(cls, data))

    @classmethod
    def initial(
        cls,
        rng: np.random.Generator,
        neuron: list[int],
        type_map: list[str],
        *,
        activation_function: str = "Linear",
        resnet_dt: bool = False,
        use_econf_tebd: bool = False,
        use_tebd_bias: bool = False,
        precision: str = "float64",
        trainable: bool = True,
    ) -> TypeEmbedNet:
        """Random first values."""
        net = EmbeddingNetwork.initial(
            rng,
            ECONF_DIM if use_econf_tebd else len(type_map),
            neuron,
            activation_function=activation_function,
            resnet_dt=resnet_dt,
            bias=use_tebd_bias,
            precision=precision,
            trainable=trainable,
        )
        return cls(
            embedding=net,
            ntypes=len(type_map),
            use_econf_tebd=use_econf_tebd,
            use_tebd_bias=use_tebd_bias,
            precision=precision_name(precision),
            trainable=trainable,
            type_map=tuple(type_map),
        )

    @classmethod
    def of_section(
        cls, section: Mapping[str, Any], dim: int, type_map: list[str], rng: np.random.Generator
    ) -> TypeEmbedNet:
        """That of a descriptor's section of the input: linear, or the net that stands under ``type_embedding``."""
        names = ("use_econf_tebd", "use_tebd_bias", "precision", "trainable")
        given = section.get("type_embedding")
        if not given:
            return cls.initial(rng, [dim], type_map, **{name: section[name] for name in names})
        own = rng if given.get("seed") is None else np.random.default_rng(given["seed"])
        options = {name: given[name] for name in (*names, "activation_function", "resnet_dt")}
        return cls.initial(own, given["neuron"], type_map, **options)
