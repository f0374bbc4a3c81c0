# SPDX-License-Identifier: LGPL-3.0-or-later
"""The moments of an atom's embedded neighbors on the fused kernels, with first and second derivatives.

The operator gives M, and beside it G and dG, the derivative of G along the net's input, so that

- a force is a product with dG and needs no way back through the net, and
- the gradient of a loss of forces reaches the operator as the gradients of M, G and dG, and
  one call of the fused way back serves all.

It is for graphs, of whose derivatives TensorFlow prunes what nothing needs. Third derivatives do not exist: asking for
one is an error of TensorFlow ("gradient registry has no entry").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from deepmd_tf.kernel_library import load_library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepmd_dp.kit.kernels import Spec


def moments(x: tf.Tensor, r: tf.Tensor, count: tf.Tensor, params: Sequence[tf.Tensor], spec: Spec) -> tf.Tensor:
    """Rᵀ G with G the embedding net of x, over the first neighbors of each atom.

    Parameters
    ----------
    x : tf.Tensor, (natoms, nnei, 1)
    r : tf.Tensor, (natoms, nnei, nr)
    count : tf.Tensor, (natoms,) int32
        How many of an atom's neighbors are used.
    params, spec
        The layers, see `deepmd_dp.kit.kernels.flatten_layers`.

    Returns
    -------
    tf.Tensor, (natoms, nr, nout)
    """
    m, _, _ = load_library().deepmd_embedding_moments(x=x, r=r, count=count, params=params, spec=spec, with_jet=True)
    return m


@tf.RegisterGradient("DeepmdEmbeddingMoments")
def _moments_gradient(op: Any, gm: tf.Tensor, gg: tf.Tensor, gdg: tf.Tensor) -> list[tf.Tensor | None]:
    """From the gradients of M, G and dG to those of x, r and the parameters."""
    x, r, count, *params = op.inputs
    _, g, dg = op.outputs
    along, gr = load_library().deepmd_moments_force(r=r, count=count, grad_m=gm, g=g, dg=dg)
    jet = [] if _is_zero(gg) and _is_zero(gdg) else [gg, gdg]

    def back(**needed: bool) -> tuple[tf.Tensor, tf.Tensor]:
        return load_library().deepmd_embedding_moments_backward(
            x=x, r=r, count=count, params=params, grad_m=gm, grad_jet=jet, spec=op.get_attr("spec"), **needed
        )

    _, flat = back(need_x=False, need_params=True)
    gx = back(need_x=True, need_params=False)[0] if jet else along
    return [gx, gr, None, *_split(flat, params)]


@tf.RegisterGradient("DeepmdMomentsForce")
def _force_gradient(op: Any, v: tf.Tensor, w: tf.Tensor) -> list[tf.Tensor | None]:
    """From the gradients of the derivatives along x and by r to those of r, gm, G and dG."""
    r, count, gm, g, dg = op.inputs
    ggm, gg, gdg = load_library().deepmd_moments_force_backward(r=r, count=count, grad_m=gm, g=g, dg=dg, v=v, w=w)
    tangents = tf.reshape(dg[:, : gm.shape[2]], (*tf.unstack(tf.shape(r)[:2]), gm.shape[2]))
    gr = v * tf.linalg.matmul(tangents, gm, transpose_b=True)
    return [gr, None, ggm, gg, gdg]


def _split(flat: tf.Tensor, params: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """The parameters' gradients out of one row."""
    pieces = tf.split(flat, [each.shape.num_elements() for each in params])
    return [tf.reshape(piece, each.shape) for piece, each in zip(pieces, params, strict=True)]


def _is_zero(gradient: tf.Tensor) -> bool:
    """Whether this is the zero that TensorFlow puts into a graph for an output that nothing depends on.

    It has no other sign for it than the operation that makes it.
    """
    op = gradient.op
    if op.type not in ("Const", "Fill"):
        return op.type == "ZerosLike"
    value = tf.get_static_value(op.inputs[1] if op.type == "Fill" else gradient)
    return value is not None and not np.any(value)
