# SPDX-License-Identifier: LGPL-3.0-or-later
"""The parts of a repinit in the contract, and new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd_dp.descriptor.block_matrix import read_matrix, write_matrix
from deepmd_dp.descriptor.repinit.settings import RepinitSettings
from deepmd_dp.descriptor.repinit.two_body import TwoBody
from deepmd_dp.descriptor.three_body import ThreeBody
from deepmd_dp.descriptor.typed_embedding import TypedEmbedding
from deepmd_dp.environment.environment_matrix import EnvironmentMatrix
from deepmd_dp.nn.type_embedding import TypeEmbedNet

if TYPE_CHECKING:
    import numpy as np

Parts = tuple[TwoBody, ThreeBody | None]
_NAMES = ("repinit_variable", "repinit_three_body_variable")


def serialize_parts(parts: Parts) -> dict[str, Any]:
    """The descriptor's entries that come from here."""
    data: dict[str, Any] = {}
    for name, part in zip(_NAMES, parts, strict=True):
        if part is not None:
            data[name] = {**part.embedding.serialize(part.type_embedding()), **write_matrix(part.matrix)}
    return data


def deserialize_parts(settings: RepinitSettings, data: dict[str, Any], types: TypeEmbedNet) -> Parts:
    """Of a descriptor's tree in the contract, with its type embedding."""

    def embedding(block: dict[str, Any], where: str, one_side: bool) -> TypedEmbedding:
        return TypedEmbedding.deserialize(block, where, type_one_side=one_side, smooth=data["smooth"])

    block = data[_NAMES[0]]
    two_body = TwoBody(
        embedding=embedding(block, "repinit", settings.type_one_side),
        type_embedding=types,
        matrix=read_matrix(data, settings.two_body(), block, "repinit"),
        axis_neuron=settings.axis_neuron,
    )
    if not settings.use_three_body:
        return two_body, None
    block, where = data[_NAMES[1]], "repinit, three-body"
    matrix = read_matrix(data, settings.three_body(), block, where)
    return two_body, ThreeBody(embedding=embedding(block, where, one_side=False), type_embedding=types, matrix=matrix)


def new_parts(
    settings: RepinitSettings, section: dict[str, Any], types: TypeEmbedNet, rng: np.random.Generator
) -> Parts:
    """Of a descriptor's section of the input, random weights and neutral statistics."""

    def new(part: dict[str, Any]) -> tuple[TypedEmbedding, EnvironmentMatrix]:
        merged = section | part
        is_strip = settings.tebd_input_mode == "strip"
        embedding = TypedEmbedding.initial(
            merged, types.ntypes, settings.tebd_dim, rng, is_strip=is_strip, smooth=section["smooth"]
        )
        return embedding, EnvironmentMatrix.initial(merged, types.ntypes, by_type=False)

    embedding, matrix = new(settings.two_body())
    two_body = TwoBody(embedding=embedding, type_embedding=types, matrix=matrix, axis_neuron=settings.axis_neuron)
    if not settings.use_three_body:
        return two_body, None
    embedding, matrix = new(settings.three_body())
    return two_body, ThreeBody(embedding=embedding, type_embedding=types, matrix=matrix)
