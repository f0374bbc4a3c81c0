# SPDX-License-Identifier: LGPL-3.0-or-later
"""Chebyshev moments on the kernels, as nodes of paddle's graph.

A node of paddle computes the derivatives by all its inputs, wanted or not. So what is linear in its operand is derived
by that, which is all that a loss of forces needs for the parameters, and never by the geometry, which Hessians need.

A node takes its inputs as one list: of several arguments paddle 3.3 insists on None for those whose derivative is
not wanted, and does not say which. Other tensors must come in objects, since those in tuples are inputs too.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd_dp.kit.moments_call import MomentsCall, Pass
from deepmd_pd.framework import paddle
from deepmd_pd.kernel_library import call as run_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from paddle import Tensor

_are_displacements_fixed: ContextVar[bool] = ContextVar("are_displacements_fixed", default=False)


@contextmanager
def fixed_displacements() -> Iterator[None]:
    """Within it no work is done for derivatives by the geometry: for whoever uses those by the parameters only."""
    token = _are_displacements_fixed.set(True)
    try:
        yield
    finally:
        _are_displacements_fixed.reset(token)


@cache
def _numbers(call: MomentsCall) -> Tensor:
    return paddle.to_tensor(call.numbers, "float64", place="cpu")


@dataclass(frozen=True)
class _Geometry:
    """What the nodes of one operation share."""

    call: MomentsCall
    derived: tuple[Tensor, ...]
    fixed: tuple[Tensor, ...]

    def run(self, which: Pass, operand: Sequence[Tensor] = ()) -> list[Tensor]:
        """A pass of the kernel; the operand is the gradient of A, or the direction."""
        inputs = [tensor.detach().contiguous() for tensor in (*self.derived, *self.fixed, *operand)]
        results = run_kernel("moments", _numbers(self.call), inputs, self.call.counts(which))
        return results[: len(self.derived) if which is Pass.TRANSPOSE else 1]

    def zeros(self) -> list[Tensor]:
        """Zeros in the place of derivatives by `derived`."""
        return [paddle.zeros_like(tensor) for tensor in self.derived]


def moments(call: MomentsCall, derived: tuple[Tensor, ...], fixed: tuple[Tensor, ...]) -> Tensor:
    """A, with its derivative by `derived`, which is derived by the gradient of A; see `MomentsCall`.

    What a graph is recorded of is one operator, which has its first derivative in the library.
    """
    if not paddle.in_dynamic_mode():
        numbers = paddle.to_tensor(np.array(call.numbers))
        return run_kernel("graph_moments", list(derived), [numbers, *fixed], call.counts(Pass.FORWARD)[:-1])[0]
    return _Moments.apply(list(derived), _Geometry(call, derived, fixed))


class _Moments(paddle.autograd.PyLayer):
    @staticmethod
    def forward(ctx: Any, derived: list[Tensor], geometry: _Geometry) -> Tensor:
        del derived
        ctx.geometry = geometry
        return geometry.run(Pass.FORWARD)[0]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> list[Tensor]:
        if _are_displacements_fixed.get():
            return ctx.geometry.zeros()
        return _derivative(ctx.geometry, Pass.TRANSPOSE, (gradient,))


def _derivative(geometry: _Geometry, which: Pass, operand: tuple[Tensor, ...]) -> list[Tensor]:
    if not paddle.is_grad_enabled():
        return geometry.run(which, operand)
    found = _Linear.apply([*operand, *geometry.derived], geometry, which)
    # a node with one result gives it without a tuple around it
    return [found] if isinstance(found, paddle.Tensor) else list(found)


class _Linear(paddle.autograd.PyLayer):
    """From the gradient of A those of `derived`, or from a direction of these the derivative of A."""

    @staticmethod
    def forward(ctx: Any, inputs: list[Tensor], geometry: _Geometry, which: Pass) -> tuple[Tensor, ...]:
        ctx.held = geometry, which
        return tuple(geometry.run(which, inputs[: -len(geometry.derived)]))

    @staticmethod
    def backward(ctx: Any, *operand: Tensor) -> list[Tensor]:
        """Those by the operand, and zeros that nobody looks at.

        Raises
        ------
        NotImplementedError
            A second derivative by the geometry is asked for: it would need another `paddle.grad` in this one, which
            Paddle 3.3 does not survive.
        """
        if not _are_displacements_fixed.get():
            raise NotImplementedError("the kernels of deepmd-pd give no Hessian of positions; set DP_PLAIN_OPS=1.")
        geometry, which = ctx.held
        by_operand = _derivative(geometry, Pass.TANGENT if which is Pass.TRANSPOSE else Pass.TRANSPOSE, operand)
        return [*by_operand, *geometry.zeros()]
