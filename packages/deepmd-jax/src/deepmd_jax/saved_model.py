# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frozen models `.savedmodel`: a folder that TensorFlow reads, its graph JAX's StableHLO."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.contract import document_to_bytes
from deepmd.errors import BackendError
from deepmd_dp.kit.foreign import not_ours
from deepmd_dp.kit.metadata import write_metadata
from deepmd_dp.kit.operators import refuse_circles, refuse_operators
from deepmd_dp.kit.programs import Programs
from deepmd_dp.kit.signature import InputDef, Signature
from deepmd_dp.model import deserialize_model
from deepmd_jax import stablehlo
from deepmd_jax.frozen_parts import DOCUMENT, METADATA, OPERATORS, Checked, read_checked
from deepmd_jax.stablehlo import CONSTRAINTS, PLATFORMS, axes_text, exporting, graph_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import jax

    from deepmd_dp.interface import Model

_SIGNATURE = "serving_default"
_GRAPH = "saved_model.pb"


def _tensorflow() -> Any:
    """TensorFlow, its notes on the terminal left out unless somebody wants them."""
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
    """Freezes the model of a document."""
    tf = _tensorflow()
    model = deserialize_model(document["model"])
    tf.saved_model.save(tf.Module(), path, signatures={_SIGNATURE: _convert(tf, model)})
    _forget_saving(Path(path, _GRAPH))
    Path(path, DOCUMENT).write_bytes(document_to_bytes(document))
    parts = [(name, Path(path, name).read_bytes()) for name in _names(path)]
    Path(path, METADATA).write_text(write_metadata(model, parts), encoding="utf-8")


def _forget_saving(path: Path) -> None:
    """Takes out the function that would write variables, of which there are none: no graph of ours writes files."""
    saved = _parsed(path.read_bytes())
    for meta in saved.meta_graphs:
        saving = meta.saver_def.save_tensor_name.partition(":")[0]
        functions = {node.attr["f"].func.name for node in meta.graph_def.node if node.name == saving}
        _keep(meta.graph_def.node, lambda node, saving=saving: node.name != saving)
        _keep(meta.graph_def.library.function, lambda each, gone=functions: each.signature.name not in gone)
        meta.saver_def.save_tensor_name = ""
    path.write_bytes(saved.SerializeToString(deterministic=True))


def _keep(messages: Any, is_kept: Callable[[Any], bool]) -> None:
    kept = [each for each in messages if is_kept(each)]
    del messages[:]
    messages.extend(kept)


def _parsed(content: bytes) -> Any:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    return SavedModel.FromString(content)


def _operators(content: bytes) -> Iterator[str]:
    """All operators of a SavedModel, those of XLA's programs in it among them."""
    for meta in _parsed(content).meta_graphs:
        library = meta.graph_def.library.function
        for node in (*meta.graph_def.node, *(node for function in library for node in function.node_def)):
            yield node.op
            if node.op == "XlaCallModule":
                yield from stablehlo.operators(node.attr["module"].s)
                yield from (function.name for function in node.attr["function_list"].list.func)


@exporting()
def _convert(tf: Any, model: Model) -> Any:
    """TensorFlow's function of the named inputs."""
    from jax.experimental import jax2tf

    inputs = Signature.of(model).inputs
    converted = jax2tf.convert(
        graph_of(model),
        polymorphic_shapes=[{each.name: f"({axes_text(each.axes)})" for each in inputs}],
        polymorphic_constraints=CONSTRAINTS,
        native_serialization_platforms=PLATFORMS,
        with_gradient=False,
    )

    def spec(each: InputDef) -> Any:
        sizes = [size if isinstance(size, int) else None for size in each.axes]
        return tf.TensorSpec(sizes, each.dtype, name=each.name)

    function = tf.function(lambda **arrays: converted(arrays), autograph=False)
    return function.get_concrete_function(**{each.name: spec(each) for each in inputs})


def read(path: str) -> Checked:
    """A folder, checked: the document, the graph and its variables."""
    try:
        return read_checked([METADATA, *_names(path)], lambda name: Path(path, name).read_bytes(), path)
    except OSError as error:
        missing = f"frozen by deepmd-jax ({error.strerror}: {Path(error.filename).name})"
        raise not_ours(path, missing) from error


def _names(path: str) -> list[str]:
    """Files in the folder that are computed with, their paths in it; others may lie beside them."""
    variables = sorted(Path(path, "variables").glob("*"))
    return [_GRAPH, DOCUMENT, *(f"variables/{each.name}" for each in variables)]


class Graph:
    """The graph in a folder, run by TensorFlow, and the document beside it.

    It runs in sessions of TensorFlow 1, as in C++, one for each set of sizes: what XLA compiled lives as long as its
    session, while the programs of TensorFlow 2 are never freed (2.21).
    """

    def __init__(self, path: str) -> None:
        self.document, parts = read(path)
        tf = _tensorflow()
        refuse_operators(_operators(parts[_GRAPH]), OPERATORS, path)
        meta = _parsed(parts[_GRAPH]).meta_graphs[0]
        functions = meta.graph_def.library.function
        refuse_circles(
            {each.signature.name: {*_called(node.attr for node in each.node_def)} for each in functions}, path
        )
        self._inputs, self._terms = (
            {name: each.name for name, each in tensors.items()}
            for tensors in (meta.signature_def[_SIGNATURE].inputs, meta.signature_def[_SIGNATURE].outputs)
        )
        with tf.Graph().as_default() as graph:
            tf.graph_util.import_graph_def(meta.graph_def, name="")
        threads = tf.config.threading.get_intra_op_parallelism_threads()
        options = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads)
        # a session that nobody has any more closes itself; another thread may still be using it
        self.programs = Programs(lambda: tf.compat.v1.Session(graph=graph, config=options), lambda session: None)

    def __call__(self, inputs: dict[str, jax.Array], wanted: tuple[str, ...]) -> dict[str, np.ndarray]:
        """The terms of these names; inputs as `deepmd_dp.kit.signature.Signature` has them."""
        feeds = {place: np.asarray(inputs[name]) for name, place in self._inputs.items()}
        session = self.programs[tuple(array.shape for array in feeds.values())]
        return session.run({name: self._terms[name] for name in wanted}, feeds)


def _called(attributes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Functions that attributes name, also within what they hand on to them."""
    for value in (value for each in attributes for value in each.values()):
        for function in (value.func, *value.list.func):
            yield function.name
            yield from _called([function.attr])
