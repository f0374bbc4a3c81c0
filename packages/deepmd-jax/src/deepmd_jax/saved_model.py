# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frozen models `.savedmodel`: a folder that TensorFlow reads, its graph JAX's StableHLO."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

from deepmd.contract import document_from_bytes, document_to_bytes
from deepmd.errors import BackendError, ModelFileError
from deepmd_dp.dialect.module import leaves, with_leaves
from deepmd_dp.model import deserialize_model
from deepmd_jax.arrays import double_precision
from deepmd_jax.graph import CONSTRAINTS, Metadata, evaluate, input_sizes
from deepmd_jax.pytree import register_modules

_DOCUMENT, _METADATA, _SIGNATURE = "deepmd_document.safetensors", "metadata.json", "serving_default"
_PLATFORMS = ("cpu", "cuda")


def _tensorflow() -> Any:
    """TensorFlow, its notes on the terminal left out unless somebody wants them.

    Raises
    ------
    BackendError
        It is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # its announcement passes by the log level; what is run here is XLA's anyway
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    try:
        import tensorflow
    except ImportError as error:
        raise BackendError(
            f".savedmodel needs TensorFlow, which cannot be imported ({error}): `pip install deepmd-jax[savedmodel]`."
        ) from error
    return tensorflow


def write(path: str, document: dict) -> None:
    """Freezes the model of a document.

    Raises
    ------
    BackendError
        TensorFlow is not installed.
    """
    tf = _tensorflow()
    model = deserialize_model(document["model"])
    metadata = Metadata.of(model)
    module, function = _convert(tf, model, metadata)
    tf.saved_model.save(module, path, signatures={_SIGNATURE: function})
    Path(path, _DOCUMENT).write_bytes(document_to_bytes(document))
    Path(path, _METADATA).write_text(json.dumps(metadata.as_dict(), indent=1), encoding="utf-8")


@double_precision()
def _convert(tf: Any, model: Any, metadata: Metadata) -> tuple[Any, Any]:
    """A module with the leaves as its variables, and the function of the named inputs."""
    from jax.experimental import jax2tf

    register_modules()
    sizes = input_sizes(metadata)

    def of_leaves(values: dict[str, jax.Array], inputs: dict[str, jax.Array]) -> dict[str, jax.Array]:
        return evaluate(with_leaves(model, values), inputs)

    converted = jax2tf.convert(
        of_leaves,
        polymorphic_shapes=[None, {name: f"({size})" for name, (size, _) in sizes.items()}],
        polymorphic_constraints=CONSTRAINTS,
        native_serialization_platforms=_PLATFORMS,
        with_gradient=False,
    )
    module = tf.Module()
    module.leaves = {path: tf.Variable(array, trainable=False) for path, array, _ in leaves(model)}
    function = tf.function(lambda **inputs: converted(dict(module.leaves), inputs), autograph=False)
    specs = {name: tf.TensorSpec(_open(size), dtype, name=name) for name, (size, dtype) in sizes.items()}
    return module, function.get_concrete_function(**specs)


def _open(size: str) -> list[int | None]:
    """TensorFlow's way to write open sizes."""
    return [int(each) if each.strip().isdigit() else None for each in size.split(",")]


class Graph:
    """The graph in a folder, run by TensorFlow.

    Raises
    ------
    BackendError
        TensorFlow is not installed.
    ModelFileError
        The folder is damaged.
    """

    def __init__(self, path: str) -> None:
        self._tf = _tensorflow()
        try:
            self._model = self._tf.saved_model.load(path)
        except (OSError, ValueError) as error:
            first = next(iter(str(error).splitlines()), "")
            raise ModelFileError(f"{path} cannot be read as a SavedModel ({first}); the folder is damaged.") from error
        self.metadata = Metadata(**json.loads(_read(path, _METADATA)))
        self._function = self._model.signatures[_SIGNATURE]

    def __call__(self, inputs: dict[str, np.ndarray], atomic: bool) -> dict[str, np.ndarray]:
        """What the graph gives; see `deepmd_jax.graph`."""
        terms = self._function(**{name: self._tf.constant(array) for name, array in inputs.items()})
        return {name: term.numpy() for name, term in terms.items() if atomic or name != "atom_virial"}


def read_document(path: str) -> dict:
    """The contract's document that the folder holds."""
    return document_from_bytes(_read(path, _DOCUMENT), str(path))


def _read(path: str, name: str) -> bytes:
    try:
        return Path(path, name).read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"{path} was not frozen by deepmd-jax: there is no {name} in it; a .savedmodel of deepmd-kit is carried "
            "over by `dp convert-backend frozen.savedmodel model.dp` in deepmd-kit, then by the same command here."
        ) from error
