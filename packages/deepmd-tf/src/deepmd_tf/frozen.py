# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frozen models `.pb`: a GraphDef that computes all terms of a model from displacements, and runs by itself.

Two constants of strings are in it beside what computes: ``deepmd_document``, the contract's document, and
``metadata``, the record of `deepmd_dp.kit.metadata`. The record's digest is that of itself and of one part, ``graph``:
the bytes of the file without the node ``metadata``. They are found without any library of protobuf or TensorFlow: a
GraphDef is a row of fields (`deepmd_tf.wire_format`), those of number 1 are its nodes, and a node's first field is its
name; the whole field of the node of this name is left out, its key and length too. In files that are written here it
stands last.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from deepmd.contract import document_from_bytes, document_to_bytes
from deepmd.errors import ModelFileError
from deepmd_dp.kit.metadata import read_metadata, write_metadata
from deepmd_dp.model import deserialize_model
from deepmd_dp.nn.matrix import with_matrices
from deepmd_tf import checkpoint
from deepmd_tf.graph import build_graph, output_name
from deepmd_tf.wire_format import fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deepmd_dp.interface import Model
    from deepmd_tf.wire_format import Field

GraphDef = tf.compat.v1.GraphDef
ENDING = ".pb"
DOCUMENT = "deepmd_document"
METADATA = "metadata"


def write(path: str, document: dict) -> None:
    """Freezes the model of a document.

    Raises
    ------
    ModelFileError
        The ending is not `.pb`: a checkpoint is written by training only.
    """
    if not is_frozen(path):
        raise ModelFileError(f"{path}: TensorFlow models are written as .pb; .meta is the ending of checkpoints.")
    model: Model = with_matrices(deserialize_model(document["model"]))
    graph = build_graph(model)
    with graph.as_default():
        tf.constant(document_to_bytes(document), name=DOCUMENT)
    definition = graph.as_graph_def()
    for node in definition.node:
        # for further derivatives, which are looked up by a number of this process
        node.attr.pop("_gradient_op_type", None)
    content = definition.SerializeToString(deterministic=True)
    with tf.Graph().as_default() as rest:
        tf.constant(write_metadata(model, [("graph", content)]), name=METADATA)
    record = GraphDef(node=rest.as_graph_def().node).SerializeToString(deterministic=True)
    Path(path).write_bytes(content + record)


def is_frozen(path: str) -> bool:
    """Whether the file's ending is that of frozen models."""
    return str(path).endswith(ENDING)


class FrozenFile(NamedTuple):
    """What is in a frozen file: the contract's document, and the graph that computes."""

    document: dict
    graph: GraphDef


def read_frozen(path: str) -> FrozenFile:
    """A frozen file, its digest checked before TensorFlow sees it.

    Raises
    ------
    ModelFileError
        The file is missing or damaged, or holds no graph of ours, for instance since deepmd-kit wrote it.
    """
    try:
        content = Path(path).read_bytes()
        found = [each for each in fields(content) if each.number == 1 and _name(content, each) == METADATA]
        nodes = [GraphDef.FromString(content[each.start : each.end]).node[0] for each in found]
    except (OSError, ValueError, DecodeError) as error:
        raise ModelFileError(f"{path} cannot be read as a graph ({error}); the file is missing or damaged.") from error
    if not found:
        raise ModelFileError(
            f"{path} was not frozen by deepmd-tf, or it is damaged; a .pb of deepmd-kit is carried over by "
            "`dp convert-backend frozen.pb model.dp` in deepmd-kit, then by the same command here."
        )
    rest = content[: found[0].start] + content[found[0].end :]
    read_metadata(_value(nodes[0]), [("graph", rest)], path)
    graph = GraphDef.FromString(rest)
    position = next(k for k, node in enumerate(graph.node) if node.name == DOCUMENT)
    document = document_from_bytes(_value(graph.node[position]))
    del graph.node[position]
    return FrozenFile(document, graph)


def _name(content: bytes, node: Field) -> str | None:
    """Name of a node; None where it is no node."""
    first = next(fields(content, node.content, node.end), None)
    return None if first is None else content[first.content : first.end].decode(errors="replace")


def _value(node: Any) -> bytes:
    """The string that a constant holds."""
    return b"".join(node.attr["value"].tensor.string_val)


def read_any(path: str) -> dict:
    """The document of a frozen file or of a checkpoint."""
    return read_frozen(path).document if is_frozen(path) else checkpoint.read(path).model


class FrozenModel:
    """The graph of a frozen file, ready to run.

    It runs in a session of TensorFlow 1, as in C++; made into a function of TensorFlow 2 it would take twice as long
    to load (2.21).
    """

    def __init__(self, graph: GraphDef) -> None:
        whole = tf.Graph()
        with whole.as_default():
            tf.graph_util.import_graph_def(graph, name="")
        threads = tf.config.threading.get_intra_op_parallelism_threads()
        options = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads)
        self._session = tf.compat.v1.Session(graph=whole, config=options)

    def run(self, inputs: Mapping[str, tf.Tensor | np.ndarray], terms: Iterable[str]) -> dict[str, np.ndarray]:
        """The terms of these names; what none of them needs is not computed."""
        feeds = {f"{name}:0": np.asarray(array) for name, array in inputs.items()}
        return self._session.run({term: f"{output_name(term)}:0" for term in terms}, feeds)
