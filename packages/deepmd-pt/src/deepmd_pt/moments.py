# SPDX-License-Identifier: LGPL-3.0-or-later
"""Chebyshev moments on the kernels, as nodes of autograd's graph.

Autograd runs a node where any of its inputs leads to what is asked for. So each derivative is a sum of two nodes,
one that depends on the operand, in which it is linear, and one that depends on the geometry:

- `_Linear` gives it, and is derived by the operand: forces, and what a loss of forces needs for the parameters;
- `_Curvature` gives zeros, and is derived by the geometry, by the plain form: for Hessians, and never else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from deepmd_dp.kit.moments_call import MomentsCall, Pass

if TYPE_CHECKING:
    from collections.abc import Sequence

_OTHER = {Pass.TRANSPOSE: Pass.TANGENT, Pass.TANGENT: Pass.TRANSPOSE}


class _Geometry(NamedTuple):
    """What the nodes of one operation share; a tuple, so that autograd does not see it among a node's inputs."""

    call: MomentsCall
    derived: tuple[Tensor, ...]
    fixed: tuple[Tensor, ...]

    def run(self, which: Pass, operand: Sequence[Tensor] = ()) -> tuple[Tensor, ...]:
        """A pass of the kernel; the operand is the gradient of A, or the direction."""
        inputs = [tensor.detach() for tensor in (*self.derived, *self.fixed, *operand)]
        return tuple(torch.ops.deepmd_pt.moments(inputs, self.call.numbers, self.call.counts(which)))


def moments(call: MomentsCall, derived: tuple[Tensor, ...], fixed: tuple[Tensor, ...]) -> Tensor:
    """A, with derivatives of all orders by `derived`; see `MomentsCall`."""
    if torch.jit.is_tracing():  # a file's operator has one derivative, in C++
        return torch.ops.deepmd_pt.moments([*derived, *fixed], call.numbers, call.counts(Pass.FORWARD))[0]
    return _Moments.apply(_Geometry(call, derived, fixed), *derived)


class _Moments(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, geometry: _Geometry, *derived: Tensor) -> Tensor:
        ctx.geometry = geometry
        return geometry.run(Pass.FORWARD)[0]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return None, *_derivative(ctx.geometry, Pass.TRANSPOSE, (gradient,))


def _derivative(geometry: _Geometry, which: Pass, operand: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    linear = _Linear.apply(geometry, which, *operand)
    if not torch.is_grad_enabled():
        return linear
    zeros = _Curvature.apply(geometry, which, operand, *geometry.derived)
    return tuple(a + b for a, b in zip(linear, zeros, strict=True))


class _Linear(torch.autograd.Function):
    """From the gradient of A those of `derived`, or from a direction of these the derivative of A."""

    @staticmethod
    def forward(ctx: Any, geometry: _Geometry, which: Pass, *operand: Tensor) -> tuple[Tensor, ...]:
        ctx.geometry, ctx.which = geometry, which
        return geometry.run(which, operand)

    @staticmethod
    def backward(ctx: Any, *operand: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, *_derivative(ctx.geometry, _OTHER[ctx.which], operand)


class _Curvature(torch.autograd.Function):
    """Zeros of the shapes of `_Linear`'s results, with its derivative by the geometry."""

    @staticmethod
    def forward(
        ctx: Any, geometry: _Geometry, which: Pass, operand: tuple[Tensor, ...], *derived: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.geometry, ctx.which, ctx.operand = geometry, which, operand
        if which is Pass.TRANSPOSE:
            return tuple(torch.zeros_like(tensor) for tensor in derived)
        dtype = (*derived, *geometry.fixed)[1].dtype
        return (torch.zeros(geometry.call.shape(len(derived[0])), dtype=dtype),)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        """Of Σ g·J v, with J the derivative of A, g the gradient of A and v the direction."""
        geometry, again = ctx.geometry, torch.is_grad_enabled()
        (gradient,), direction = (ctx.operand, upstream) if ctx.which is Pass.TRANSPOSE else (upstream, ctx.operand)
        with torch.enable_grad():
            derived = tuple(_alias(tensor) for tensor in geometry.derived)
            total = torch.sum(geometry.call.plain(derived, geometry.fixed) * gradient)
            first = torch.autograd.grad(total, derived, create_graph=True)
            second = sum(torch.sum(a * b) for a, b in zip(first, direction, strict=True))
            return None, None, None, *torch.autograd.grad(second, derived, create_graph=again)


def _alias(tensor: Tensor) -> Tensor:
    """The same values as an input of their own, through which derivatives go on to the tensor."""
    return tensor.view_as(tensor) if tensor.requires_grad else tensor.detach().requires_grad_()
