# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frozen models `.hlo` and `.xlo`: StableHLO of `jax.export`, the document and metadata in one archive."""

from __future__ import annotations

import json
import zipfile
from functools import partial
from typing import Any

import jax
import numpy as np

from deepmd.contract import document_from_bytes, document_to_bytes
from deepmd.errors import ModelFileError
from deepmd_dp.dialect.module import map_leaves
from deepmd_dp.model import deserialize_model
from deepmd_jax.arrays import double_precision, from_numpy
from deepmd_jax.graph import CONSTRAINTS, Metadata, evaluate, input_sizes
from deepmd_jax.pytree import register_modules

_GRAPH, _DOCUMENT, _METADATA = "graph.stablehlo", "deepmd_document.safetensors", "metadata.json"
_PLATFORMS = ("cpu", "cuda")


def write(path: str, document: dict) -> None:
    """Freezes the model of a document."""
    model = deserialize_model(document["model"])
    metadata = Metadata.of(model)
    members = {
        _GRAPH: _export(model, metadata),
        _DOCUMENT: document_to_bytes(document),
        _METADATA: json.dumps(metadata.as_dict(), indent=1).encode(),
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@double_precision()
def _export(model: Any, metadata: Metadata) -> bytes:
    register_modules()
    scope = jax.export.SymbolicScope(CONSTRAINTS)
    inputs = {
        name: jax.ShapeDtypeStruct(jax.export.symbolic_shape(size, scope=scope), dtype)
        for name, (size, dtype) in input_sizes(metadata).items()
    }
    constants = map_leaves(model, lambda _, array: from_numpy(array))
    exported = jax.export.export(jax.jit(partial(evaluate, constants)), platforms=_PLATFORMS)(inputs)
    return bytes(exported.serialize())


class Graph:
    """The graph of a frozen file, compiled for each set of sizes that it meets.

    Raises
    ------
    ModelFileError
        The file is damaged, or JAX does not read its graph.
    """

    def __init__(self, path: str) -> None:
        try:
            self._exported = jax.export.deserialize(bytearray(_member(path, _GRAPH)))
        # JAX's deserialiser raises whatever it stumbles over in bytes that are not its own
        except Exception as error:
            raise ModelFileError(
                f"{path}: JAX {jax.__version__} does not read its graph ({str(error) or type(error).__name__}); "
                "write the file again by `dp convert-backend`."
            ) from error
        self.metadata = Metadata(**json.loads(_member(path, _METADATA)))
        self._call = jax.jit(self._evaluate, static_argnames="atomic")

    @double_precision()
    def __call__(self, inputs: dict[str, np.ndarray], atomic: bool) -> dict[str, jax.Array]:
        """What the graph gives; see `deepmd_jax.graph`."""
        return self._call({name: from_numpy(array) for name, array in inputs.items()}, atomic=atomic)

    def _evaluate(self, inputs: dict[str, jax.Array], *, atomic: bool) -> dict[str, jax.Array]:
        terms = self._exported.call(inputs)
        # what is not given is not computed either
        return {name: term for name, term in terms.items() if atomic or name != "atom_virial"}


def read_document(path: str) -> dict:
    """The contract's document that the file embeds."""
    return document_from_bytes(_member(path, _DOCUMENT), str(path))


def _member(path: str, name: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(name)
    except KeyError as error:
        raise ModelFileError(f"{path} was not frozen by deepmd-jax: there is no {name} in it.") from error
    except (OSError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{path} cannot be read as a frozen model ({error}); the file is damaged.") from error
