# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frozen models `.pb`: a GraphDef that computes all terms of a model from displacements, and runs by itself.

Three constants of strings are in it beside what computes: ``deepmd_document``, the contract's document; where
operators of ours serve a model, ``deepmd_operators``, nodes of a second form of the graph, which takes inputs and
constants of the first one, so that the bytes of both, one after the other, are the graph of both; and ``metadata``, the
record of `deepmd_dp.kit.metadata`. The record's digest is that of itself and of one part, ``graph``: the bytes of the
file without the whole field of the node ``metadata``. It is found without a library of protobuf or TensorFlow: a
GraphDef is a row of fields (`deepmd_tf.wire_format`), those of number 1 are nodes, whose first field is their name.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from deepmd.contract import document_from_bytes, document_to_bytes
from deepmd.errors import ModelFileError
from deepmd_dp.kit import kernels
from deepmd_dp.kit.foreign import not_ours
from deepmd_dp.kit.metadata import read_metadata, write_metadata
from deepmd_dp.kit.operators import LIST, refuse_operators
from deepmd_dp.model import deserialize_model
from deepmd_dp.nn.matrix import with_matrices
from deepmd_tf import checkpoint
from deepmd_tf.device import gpus
from deepmd_tf.graph import OPERATORS, GraphDef, build_graph, output_name
from deepmd_tf.kernel_library import load_library
from deepmd_tf.wire_format import fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deepmd_dp.interface import Model
    from deepmd_tf.wire_format import Field

ENDING = ".pb"
DOCUMENT = "deepmd_document"
SECOND_FORM = "deepmd_operators"
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
    plain, second = build_graph(model)
    for node in (*plain.node, *second.node):
        # for further derivatives, which are looked up by a number of this process
        node.attr.pop("_gradient_op_type", None)
    content = _serialized(plain) + _constant(DOCUMENT, document_to_bytes(document))
    if any(node.op == "DeepmdMoments" for node in second.node):
        content += _constant(SECOND_FORM, _serialized(second))
    Path(path).write_bytes(content + _constant(METADATA, write_metadata(model, [("graph", content)])))


def _constant(name: str, value: bytes | str) -> bytes:
    """A node that holds a string."""
    with tf.Graph().as_default() as graph:
        tf.constant(value, name=name)
    return _serialized(GraphDef(node=graph.as_graph_def().node))


def _serialized(graph: GraphDef) -> bytes:
    return graph.SerializeToString(deterministic=True)


def is_frozen(path: str) -> bool:
    """Whether the file's ending is that of frozen models."""
    return str(path).endswith(ENDING)


class FrozenFile(NamedTuple):
    """What is in a frozen file: the contract's document, the plain graph, and the nodes of the other form, if any."""

    document: dict
    plain: bytes
    second: bytes


def read_frozen(path: str) -> FrozenFile:
    """A frozen file, its digest checked before TensorFlow sees it.

    Raises
    ------
    ModelFileError
        The file is missing or damaged, or holds no graph of ours, for instance since deepmd-kit wrote it.
    """
    hashed, plain, strings = bytearray(), bytearray(), dict.fromkeys((DOCUMENT, SECOND_FORM, METADATA), b"")
    try:
        content = Path(path).read_bytes()
        for each in fields(content):
            name = _name(content, each) if each.number == 1 else None
            whole = content[each.start : each.end]
            if name in strings:
                strings[name] = b"".join(GraphDef.FromString(whole).node[0].attr["value"].tensor.string_val)
            else:
                plain += whole
            if name != METADATA:
                hashed += whole
    except (OSError, ValueError, DecodeError) as error:
        raise ModelFileError(f"{path} cannot be read as a graph ({error}); the file is missing or damaged.") from error
    if not strings[METADATA]:
        raise not_ours(path, "frozen by deepmd-tf")
    record = read_metadata(strings[METADATA], [("graph", hashed)], path)
    document = document_from_bytes(strings[DOCUMENT], path, record["digest"])
    return FrozenFile(document, bytes(plain), strings[SECOND_FORM])


def _name(content: bytes, node: Field) -> str | None:
    """Name of a node; None where it is no node."""
    first = next(fields(content, node.content, node.end), None)
    return None if first is None else content[first.content : first.end].decode(errors="replace")


def read_any(path: str) -> dict:
    """The document of a frozen file or of a checkpoint."""
    return read_frozen(path).document if is_frozen(path) else checkpoint.read(path).model


class FrozenModel:
    """The graph of a frozen file, ready to run, in its form on operators where that is possible.

    It runs in a session of TensorFlow 1, as in C++; made into a function of TensorFlow 2 it would take twice as long
    to load (2.21).
    """

    def __init__(self, file: FrozenFile, path: str) -> None:
        can_run = file.second and kernels.are_wanted() and not gpus() and load_library() is not None
        self.scope = f"{OPERATORS}/" if can_run else ""
        graph = GraphDef.FromString(file.plain + file.second if can_run else file.plain)
        bodies = [graph.node, *(function.node_def for function in graph.library.function)]
        refuse_operators((node.op for body in bodies for node in body), Path(__file__).with_name(LIST), path)
        with tf.Graph().as_default() as whole:
            tf.graph_util.import_graph_def(graph, name="")
        threads = tf.config.threading.get_intra_op_parallelism_threads()
        options = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads)
        self._session = tf.compat.v1.Session(graph=whole, config=options)

    def run(self, inputs: Mapping[str, tf.Tensor | np.ndarray], terms: Iterable[str]) -> dict[str, np.ndarray]:
        """The terms of these names; what none of them needs is not computed."""
        feeds = {f"{name}:0": np.asarray(array) for name, array in inputs.items()}
        return self._session.run({term: f"{self.scope}{output_name(term)}:0" for term in terms}, feeds)
