# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frozen models `.pb`: a GraphDef that computes energies, forces and virials from displacements, and runs by itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from deepmd.contract import document_from_bytes, document_to_bytes
from deepmd.errors import ModelFileError
from deepmd_dp.dialect.module import leaves
from deepmd_dp.model import deserialize_model
from deepmd_tf import checkpoint
from deepmd_tf.graph import OUTPUTS, build_graph, input_name

if TYPE_CHECKING:
    from deepmd_dp.environment.environment import Environment

_DOCUMENT = "deepmd_document"
ENDING = ".pb"


def write(path: str, document: dict) -> None:
    """Freezes the model of a document.

    Raises
    ------
    ModelFileError
        The ending is not `.pb`: a checkpoint is written by training only.
    """
    if not is_frozen(path):
        raise ModelFileError(f"{path}: TensorFlow models are written as .pb; .meta is the ending of checkpoints.")
    graph = build_graph(deserialize_model(document["model"]))
    with graph.as_default():
        tf.constant(document_to_bytes(document), name=_DOCUMENT)
    Path(path).write_bytes(graph.as_graph_def().SerializeToString())


def is_frozen(path: str) -> bool:
    """Whether the file's ending is that of frozen models."""
    return str(path).endswith(ENDING)


def read_graph(path: str) -> tf.compat.v1.GraphDef:
    """The graph in a file.

    Raises
    ------
    ModelFileError
        The file is missing or damaged, or holds no graph of ours, for instance since deepmd-kit wrote it.
    """
    graph = tf.compat.v1.GraphDef()
    try:
        graph.ParseFromString(Path(path).read_bytes())
    except (OSError, DecodeError) as error:
        raise ModelFileError(f"{path} cannot be read as a graph ({error}); the file is missing or damaged.") from error
    if not any(node.name == _DOCUMENT for node in graph.node):
        raise ModelFileError(
            f"{path} was not frozen by deepmd-tf; a .pb of deepmd-kit is carried over by "
            "`dp convert-backend frozen.pb model.dp` in deepmd-kit, then by the same command here."
        )
    return graph


def document_of(graph: tf.compat.v1.GraphDef) -> dict:
    """The contract's document that a graph embeds."""
    node = next(node for node in graph.node if node.name == _DOCUMENT)
    return document_from_bytes(tf.make_ndarray(node.attr["value"].tensor).item())


def read_any(path: str) -> dict:
    """The document of a frozen file or of a checkpoint."""
    return document_of(read_graph(path)) if is_frozen(path) else checkpoint.read(path).model


class FrozenModel:
    """The graph of a frozen file, ready to run on surroundings without ghost atoms.

    It runs in a session of TensorFlow 1, as in C++; made into a function of TensorFlow 2 it would take twice as long
    to load (2.21).
    """

    def __init__(self, graph: tf.compat.v1.GraphDef) -> None:
        whole = tf.Graph()
        with whole.as_default():
            tf.graph_util.import_graph_def(graph, name="")
        threads = tf.config.threading.get_intra_op_parallelism_threads()
        options = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads)
        self._session = tf.compat.v1.Session(graph=whole, config=options)

    def evaluate(
        self, env: Environment, fparam: tf.Tensor | None, aparam: tf.Tensor | None, atomic: bool
    ) -> dict[str, np.ndarray]:
        """What the file itself computes of the energies, forces and virials."""
        nframes, nloc = env.atype.shape
        feeds = {input_name(leaf.path): leaf.array for leaf in leaves(env)}
        feeds["mapping"] = np.tile(np.arange(nloc), (nframes, 1))
        feeds |= {name: array for name, array in (("fparam", fparam), ("aparam", aparam)) if array is not None}
        wanted = {name: f"{output}:0" for name, output in OUTPUTS.items() if atomic or name != "atom_virial"}
        return self._session.run(wanted, {f"{name}:0": np.asarray(array) for name, array in feeds.items()})
