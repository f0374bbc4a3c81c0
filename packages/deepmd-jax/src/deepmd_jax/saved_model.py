# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frozen models `.savedmodel`: a folder that TensorFlow reads, its graph JAX's StableHLO."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.contract import document_to_bytes
from deepmd.errors import BackendError, ModelFileError
from deepmd_dp.dialect.module import leaves, with_leaves
from deepmd_dp.kit.metadata import write_metadata
from deepmd_dp.kit.signature import Signature
from deepmd_dp.model import deserialize_model
from deepmd_dp.nn.matrix import with_matrices
from deepmd_jax.arrays import double_precision
from deepmd_jax.derivative import derivative
from deepmd_jax.frozen_parts import DOCUMENT, METADATA, Parts, document_of, read_checked
from deepmd_jax.stablehlo import CONSTRAINTS, PLATFORMS, axes_text

if TYPE_CHECKING:
    import jax

    from deepmd_dp.interface import Model

_SIGNATURE = "serving_default"


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
    module, function = _convert(tf, with_matrices(model))
    tf.saved_model.save(module, path, signatures={_SIGNATURE: function})
    Path(path, DOCUMENT).write_bytes(document_to_bytes(document))
    parts = [(name, Path(path, name).read_bytes()) for name in _names(path)]
    Path(path, METADATA).write_text(write_metadata(model, parts), encoding="utf-8")


@double_precision()
def _convert(tf: Any, model: Model) -> tuple[Any, Any]:
    """A module with the leaves as its variables, and the function of the named inputs."""
    from jax.experimental import jax2tf

    signature = Signature.of(model)

    def of_leaves(values: dict[str, jax.Array], inputs: dict[str, jax.Array]) -> dict[str, jax.Array]:
        return signature.evaluate(with_leaves(model, values), inputs, derivative)

    converted = jax2tf.convert(
        of_leaves,
        polymorphic_shapes=[None, {each.name: f"({axes_text(each.axes)})" for each in signature.inputs}],
        polymorphic_constraints=CONSTRAINTS,
        native_serialization_platforms=PLATFORMS,
        with_gradient=False,
    )
    module = tf.Module()
    module.leaves = {path: tf.Variable(array, trainable=False) for path, array, _ in leaves(model)}
    function = tf.function(lambda **inputs: converted(dict(module.leaves), inputs), autograph=False)
    specs = {
        # TensorFlow's way to write open sizes
        each.name: tf.TensorSpec([n if isinstance(n, int) else None for n in each.axes], each.dtype, name=each.name)
        for each in signature.inputs
    }
    return module, function.get_concrete_function(**specs)


def read_parts(path: str) -> Parts:
    """The parts of a folder, checked: the graph, its variables and the document."""
    try:
        return read_checked([METADATA, *_names(path)], lambda name: Path(path, name).read_bytes(), path)
    except OSError as error:
        raise ModelFileError(
            f"{path} was not frozen by deepmd-jax ({error.strerror}: {Path(error.filename).name}); a .savedmodel of "
            "deepmd-kit is carried over by `dp convert-backend frozen.savedmodel model.dp` in deepmd-kit, then by the "
            "same command here."
        ) from error


def _names(path: str) -> list[str]:
    """Files in the folder that are computed with, their paths in it; others may lie beside them."""
    variables = sorted(Path(path, "variables").glob("*"))
    return ["saved_model.pb", DOCUMENT, *(f"variables/{each.name}" for each in variables)]


class Graph:
    """The graph in a folder, run by TensorFlow.

    Attributes
    ----------
    document : dict
        The contract's, which the folder holds.

    Raises
    ------
    BackendError
        TensorFlow is not installed.
    ModelFileError
        The folder is damaged.
    """

    def __init__(self, path: str) -> None:
        self.document = document_of(read_parts(path), path)
        self._tf = _tensorflow()
        try:
            self._model = self._tf.saved_model.load(path)
        except (OSError, ValueError) as error:
            first = next(iter(str(error).splitlines()), "")
            raise ModelFileError(
                f"{path}: TensorFlow {self._tf.__version__} does not read it ({first}); write the folder again by "
                "`dp convert-backend`."
            ) from error
        self._function = self._model.signatures[_SIGNATURE]

    def __call__(self, inputs: dict[str, jax.Array], wanted: tuple[str, ...]) -> dict[str, np.ndarray]:
        """The terms of these names; inputs as `deepmd_dp.kit.signature.Signature` has them."""
        terms = self._function(**{name: self._tf.constant(np.asarray(array)) for name, array in inputs.items()})
        return {name: terms[name].numpy() for name in wanted}
