# SPDX-License-Identifier: LGPL-3.0-or-later
"""The graph that a frozen file is made of, with its inputs and outputs by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from deepmd_dp.dialect.module import map_leaves
from deepmd_dp.kit import kernels
from deepmd_dp.kit.signature import InputDef, Signature
from deepmd_tf.arrays import from_numpy
from deepmd_tf.derivative import derivative

if TYPE_CHECKING:
    from deepmd_dp.interface import Model


GraphDef = tf.compat.v1.GraphDef
OPERATORS = "operators"
"""Scope of the form of a graph that runs on our operators."""


def output_name(term: str) -> str:
    """Name of the operation that gives a term: ``o_energy``, ``o_force``, …"""
    return f"o_{term}"


def build_graph(model: Model) -> tuple[GraphDef, GraphDef]:
    """A graph of all that a model of NumPy arrays gives; every size is open, and all constants lie inside.

    Inputs are placeholders by the names of `deepmd_dp.kit.signature.Signature`, none of which has a default.
    Outputs are by `output_name` all terms of the model's outputs, see `deepmd.outputs`. Given are the graph, of
    TensorFlow's own operations, and nodes to be added to it, which give the same on the library's operators and are
    in the scope `OPERATORS`.
    """
    signature = Signature.of(model)
    with tf.Graph().as_default() as graph:
        constants = map_leaves(model, lambda _, array: from_numpy(array))
        inputs = {each.name: _placeholder(each) for each in signature.inputs}

        def add_outputs() -> None:
            terms = signature.evaluate(constants, inputs, derivative)
            for term in signature.outputs:
                tf.identity(terms[term.name], name=output_name(term.name))

        add_outputs()
        plain = graph.as_graph_def()
        with tf.name_scope(OPERATORS), kernels.in_graphs():
            add_outputs()
    known = {node.name for node in plain.node}
    return plain, GraphDef(node=[node for node in graph.as_graph_def().node if node.name not in known])


def _placeholder(each: InputDef) -> tf.Tensor:
    sizes = [axis if isinstance(axis, int) else None for axis in each.axes]
    return tf.compat.v1.placeholder(tf.as_dtype(each.dtype), sizes, each.name)
