# SPDX-License-Identifier: LGPL-3.0-or-later
"""Chebyshev moments on the kernels, as functions with derivatives of their own.

Each part of a derivative is a call of its own, and XLA removes the calls whose results nobody uses: a training runs
three passes of the kernel, and the plain form, which Hessians need, never.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from deepmd_dp.kit.moments_call import MomentsCall, Pass
from deepmd_jax.kernel_library import MOMENTS

Arrays = tuple[jax.Array, ...]


def _run(call: MomentsCall, which: Pass, derived: Arrays, fixed: Arrays, operand: Arrays = ()) -> Arrays:
    """A pass of the kernel; the operand is the gradient of A, or the direction."""
    if which is Pass.TRANSPOSE:
        results = [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in derived]
    else:  # of the type of the weights, or of the rows
        results = [jax.ShapeDtypeStruct(call.shape(derived[0].shape[0]), (*derived, *fixed)[1].dtype)]
    run = jax.ffi.ffi_call(MOMENTS, results)
    return tuple(run(*derived, *fixed, *operand, numbers=np.array(call.numbers), counts=np.array(call.counts(which))))


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def moments(call: MomentsCall, derived: Arrays, fixed: Arrays) -> jax.Array:
    """A, with derivatives of all orders by `derived`; see `MomentsCall`."""
    return _run(call, Pass.FORWARD, derived, fixed)[0]


def _moments_forward(call: MomentsCall, derived: Arrays, fixed: Arrays) -> tuple[jax.Array, tuple[Arrays, Arrays]]:
    return moments(call, derived, fixed), (derived, fixed)


def _moments_backward(call: MomentsCall, saved: tuple[Arrays, Arrays], gradient: jax.Array) -> tuple[Arrays, None]:
    return _linear(call, Pass.TRANSPOSE, *saved, (gradient,)), None


moments.defvjp(_moments_forward, _moments_backward)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _linear(call: MomentsCall, which: Pass, derived: Arrays, fixed: Arrays, operand: Arrays) -> Arrays:
    """From the gradient of A those of `derived`, or from a direction of these the derivative of A."""
    return _run(call, which, derived, fixed, operand)


def _linear_forward(
    call: MomentsCall, which: Pass, derived: Arrays, fixed: Arrays, operand: Arrays
) -> tuple[Arrays, tuple[Arrays, Arrays, Arrays]]:
    return _linear(call, which, derived, fixed, operand), (derived, fixed, operand)


def _linear_backward(
    call: MomentsCall, which: Pass, saved: tuple[Arrays, Arrays, Arrays], upstream: Arrays
) -> tuple[Arrays, None, Arrays]:
    derived, fixed, operand = saved
    is_transpose = which is Pass.TRANSPOSE
    (gradient,), direction = (operand, upstream) if is_transpose else (upstream, operand)

    def along(derived: Arrays) -> jax.Array:
        """Σ g·J v, with J the derivative of A, g the gradient of A and v the direction."""
        _, tangent = jax.jvp(lambda arrays: call.plain(arrays, fixed), (derived,), (direction,))
        return jnp.sum(gradient * tangent)

    other = Pass.TANGENT if is_transpose else Pass.TRANSPOSE
    return jax.grad(along)(derived), None, _linear(call, other, derived, fixed, upstream)


_linear.defvjp(_linear_forward, _linear_backward)
