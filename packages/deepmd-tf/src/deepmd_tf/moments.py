# SPDX-License-Identifier: LGPL-3.0-or-later
"""Chebyshev moments on the kernels, with derivatives of all orders.

It is for graphs, of whose derivatives TensorFlow prunes what nothing needs: a training runs three passes of the
kernel, and the plain form, which Hessians need, never.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from deepmd_dp.kit.moments_call import MomentsCall, Pass
from deepmd_tf.kernel_library import load_library

if TYPE_CHECKING:
    from collections.abc import Sequence

Tensors = tuple[tf.Tensor, ...]


def moments(call: MomentsCall, derived: Tensors, fixed: Tensors) -> tf.Tensor:
    """A, with derivatives of all orders by `derived`; see `MomentsCall`."""
    return _run(call, Pass.FORWARD, (*derived, *fixed))[0]


def _run(call: MomentsCall, which: Pass, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """A pass of the kernel, on the geometry and, after it, the gradient of A or the direction."""
    dtypes = [each.dtype for each in inputs]
    results = dtypes[: call.nderived] if which is Pass.TRANSPOSE else dtypes[1:2]
    bits = np.array(call.numbers).view(np.int64).tolist()
    return load_library().deepmd_moments(inputs=inputs, Tout=results, numbers=bits, counts=call.counts(which))


@tf.RegisterGradient("DeepmdMoments")
def _gradient(op: Any, *upstream: tf.Tensor) -> list[tf.Tensor | None]:
    """By the operand, in which a pass is linear, and by what A is derived by."""
    call, which = _call_of(op)
    inputs = list(op.inputs)
    derived, rest = inputs[: call.nderived], inputs[call.nderived :]
    fixed, operand = rest[: call.nfixed], rest[call.nfixed :]
    none = [None] * len(fixed)
    if which is Pass.FORWARD:
        return [*_run(call, Pass.TRANSPOSE, [*inputs, *upstream]), *none]
    other = Pass.TANGENT if which is Pass.TRANSPOSE else Pass.TRANSPOSE
    by_operand = _run(call, other, [*derived, *fixed, *upstream])
    if 0 in (getattr(op, "skip_input_indices", None) or ()):  # nobody wants it: a graph that is quicker to build
        return [*[None] * len(derived), *none, *by_operand]
    gradient, direction = (operand, upstream) if which is Pass.TRANSPOSE else (upstream, operand)
    return [*_curvature(call, derived, fixed, gradient[0], direction), *none, *by_operand]


def _curvature(
    call: MomentsCall, derived: Sequence[tf.Tensor], fixed: Sequence[tf.Tensor], gradient: tf.Tensor, direction: Any
) -> list[tf.Tensor]:
    """The derivative of Σ g·J v by the geometry, with J that of A, g the gradient of A and v the direction."""
    with tf.GradientTape() as outer:
        outer.watch(derived)
        with tf.GradientTape() as inner:
            inner.watch(derived)
            total = tf.reduce_sum(call.plain(derived, fixed) * gradient)
        first = inner.gradient(total, derived)
        second = tf.add_n([tf.reduce_sum(a * b) for a, b in zip(first, direction, strict=True)])
    return outer.gradient(second, derived, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def _call_of(op: Any) -> tuple[MomentsCall, Pass]:
    """The inverse of `MomentsCall.numbers` and `MomentsCall.counts`."""
    numbers = np.array(op.get_attr("numbers"), np.int64).view(np.float64).tolist()
    return MomentsCall.of(numbers, list(op.get_attr("counts")))
