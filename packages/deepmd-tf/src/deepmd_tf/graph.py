# SPDX-License-Identifier: LGPL-3.0-or-later
"""The graph that a frozen file is made of, with its inputs, outputs and constants by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from deepmd_dp.dialect.module import map_leaves
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.model.derivatives import energy_terms, force_terms
from deepmd_tf.arrays import open_shape
from deepmd_tf.derivative import energy_and_gradient
from deepmd_tf.namespace import shape

if TYPE_CHECKING:
    from deepmd_dp.environment.environment import Environment

OUTPUTS = {name: f"o_{name}" for name in ("energy", "atom_energy", "force", "virial", "atom_virial")}
"""Quantities of a model, and the tensors that hold them."""


def input_name(path: str) -> str:
    """Name of the placeholder of a leaf of the environment: ``edge_vec_0``, ``nlist_0``, …, ``atype``."""
    return path.replace(".", "_")


def build_graph(model: Any) -> tf.Graph:
    """A graph of all that the model gives; every size is open, and all constants lie inside.

    Inputs
        The leaves of `deepmd_dp.environment.environment.Environment`: ``edge_vec_<block>``, ``nlist_<block>``,
        ``neighbor_type_<block>``, ``atype``, ``centers_<type>``, ``restore``; then

        - ``mapping`` (nframes, nall) int64: local atom of which each atom is an image; the first nloc are the
          local atoms. The lists refer to these.
        - ``fparam`` (nframes, dim_fparam), which may be left out where there is a default, and ``aparam``
          (nframes, nloc, dim_aparam).

    Outputs
        ``o_energy`` (nframes, 1), ``o_atom_energy`` (nframes, nloc, 1), ``o_force`` (nframes, nall, 3), ``o_virial``
        (nframes, 9), ``o_atom_virial`` (nframes, nall, 9) [eV, Å].

    Constants
        ``rcut`` [Å], ``type_map``, ``by_type``, ``list_widths``, ``dim_fparam``, ``dim_aparam``,
        ``default_fparam`` (empty: none).

    Parameters
    ----------
    model : Module
        A model of NumPy arrays.
    """
    with tf.Graph().as_default() as graph:
        constants = map_leaves(model, lambda _, array: tf.constant(array))
        env = map_leaves(_any_environment(model), _placeholder)
        mapping = tf.compat.v1.placeholder(tf.int64, (None, None), "mapping")
        fparam, aparam = _parameters(model.fitting, env)
        energy, gradient = energy_and_gradient(constants, env, fparam, aparam)
        terms = energy_terms(energy) | force_terms(env, gradient, virial=True, atomic=True, nall=shape(mapping)[1])
        for name, output in OUTPUTS.items():
            tf.identity(terms[name], name=output)
        for name, value in _metadata(model).items():
            tf.constant(value, name=name)
    return graph


def _any_environment(model: Any) -> Environment:
    """One atom by itself: what counts is how many arrays there are, and of what kind."""
    return build_environment(model, np.zeros((1, 1, 3)), None, np.zeros((1, 1), dtype=np.int64))


def _placeholder(path: str, array: np.ndarray) -> tf.Tensor:
    return tf.compat.v1.placeholder(tf.as_dtype(array.dtype), open_shape(array), input_name(path))


def _parameters(fitting: Any, env: Environment) -> tuple[tf.Tensor | None, tf.Tensor | None]:
    """The frame and atomic parameters, None where the model takes none."""
    fparam = aparam = None
    size = (None, fitting.numb_fparam)
    if fitting.default_fparam is not None:
        default = tf.constant([fitting.default_fparam], tf.float64)
        fparam = tf.compat.v1.placeholder_with_default(default, size, "fparam")
        fparam = tf.broadcast_to(fparam, (shape(env.atype)[0], fitting.numb_fparam))
    elif fitting.numb_fparam:
        fparam = tf.compat.v1.placeholder(tf.float64, size, "fparam")
    if fitting.numb_aparam:
        aparam = tf.compat.v1.placeholder(tf.float64, (None, None, fitting.numb_aparam), "aparam")
    return fparam, aparam


def _metadata(model: Any) -> dict[str, Any]:
    return {
        "rcut": np.float64(model.rcut),
        "type_map": list(model.type_map),
        "by_type": not model.descriptor.mixed_types,
        "list_widths": np.array(model.list_widths or (), dtype=np.int64),
        "dim_fparam": np.int64(model.fitting.numb_fparam),
        "dim_aparam": np.int64(model.fitting.numb_aparam),
        "default_fparam": np.array(model.fitting.default_fparam or (), dtype=np.float64),
    }
