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
    from collections.abc import Callable

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

    def read(name: str, part: dict[str, Any], where: str) -> dict[str, Any]:
        one_side, smooth = part["type_one_side"], data["smooth"]
        embedding = TypedEmbedding.deserialize(data[name], where, type_one_side=one_side, smooth=smooth)
        return {"embedding": embedding, "matrix": read_matrix(data, part, data[name], where)}

    return _parts(settings, types, read)


def new_parts(
    settings: RepinitSettings, section: dict[str, Any], types: TypeEmbedNet, rng: np.random.Generator
) -> Parts:
    """Of a descriptor's section of the input, random weights and neutral statistics."""

    def new(_: str, part: dict[str, Any], __: str) -> dict[str, Any]:
        merged, ntypes = section | part, types.ntypes
        kind = {"is_strip": settings.tebd_input_mode == "strip", "smooth": section["smooth"]}
        embedding = TypedEmbedding.initial(merged, ntypes, settings.tebd_dim, rng, **kind)
        return {"embedding": embedding, "matrix": EnvironmentMatrix.initial(merged, ntypes, by_type=False)}

    return _parts(settings, types, new)


def _parts(
    settings: RepinitSettings, types: TypeEmbedNet, of: Callable[[str, dict[str, Any], str], dict[str, Any]]
) -> Parts:
    """The parts; `of` gives the embedding and the matrix of one by its name, its settings and where it stands."""
    fields = of(_NAMES[0], settings.two_body(), "repinit")
    two_body = TwoBody(type_embedding=types, axis_neuron=settings.axis_neuron, **fields)
    if not settings.use_three_body:
        return two_body, None
    return two_body, ThreeBody(type_embedding=types, **of(_NAMES[1], settings.three_body(), "repinit, three-body"))
