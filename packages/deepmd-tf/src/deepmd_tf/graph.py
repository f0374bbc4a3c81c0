# SPDX-License-Identifier: LGPL-3.0-or-later
"""The graph that a frozen file is made of, with its inputs and outputs by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from deepmd_dp.dialect.module import map_leaves
from deepmd_dp.kit.signature import InputDef, Signature
from deepmd_tf.arrays import from_numpy
from deepmd_tf.derivative import derivative

if TYPE_CHECKING:
    from deepmd_dp.interface import Model


def output_name(term: str) -> str:
    """Name of the operation that gives a term: ``o_energy``, ``o_force``, …"""
    return f"o_{term}"


def build_graph(model: Model) -> tf.Graph:
    """A graph of all that a model gives; every size is open, and all constants lie inside.

    Inputs are placeholders by the names of `deepmd_dp.kit.signature.Signature`, none of which has a default.
    Outputs are by `output_name` all terms of the model's outputs, see `deepmd.outputs`.

    Parameters
    ----------
    model : Model
        Of NumPy arrays.
    """
    signature = Signature.of(model)
    with tf.Graph().as_default() as graph:
        constants = map_leaves(model, lambda _, array: from_numpy(array))
        terms = signature.evaluate(constants, {each.name: _placeholder(each) for each in signature.inputs}, derivative)
        for term in signature.outputs:
            tf.identity(terms[term.name], name=output_name(term.name))
    return graph


def _placeholder(each: InputDef) -> tf.Tensor:
    sizes = [axis if isinstance(axis, int) else None for axis in each.axes]
    return tf.compat.v1.placeholder(tf.as_dtype(each.dtype), sizes, each.name)
