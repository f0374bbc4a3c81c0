# SPDX-License-Identifier: LGPL-3.0-or-later
"""SiLU and its relative as nodes of autograd's graph that keep their argument alone.

Written with single operations each of these would be kept too, and again for the derivatives of the derivatives.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from deepmd_dp.dialect import activations as plain


def silu(x: Tensor) -> Tensor:
    """See `deepmd_dp.dialect.activations.silu`."""
    return plain.silu.plain(x) if _is_traced() else _Value.apply(x, float("inf"))


def silut(x: Tensor, threshold: float) -> Tensor:
    """See `deepmd_dp.dialect.activations.silut`."""
    return plain.silut.plain(x, threshold) if _is_traced() else _Value.apply(x, threshold)


def _is_traced() -> bool:
    return bool(torch.jit.is_tracing() or torch.compiler.is_compiling())


class _Value(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, threshold: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.threshold = threshold
        y = torch.nn.functional.silu(x)
        if not _reaches(x, threshold):
            return y
        value, slope = plain.silut_constants(threshold)
        return torch.where(x < threshold, y, torch.tanh(slope * (x - threshold)) + value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return _Slope.apply(x, gradient, ctx.threshold), None


class _Slope(torch.autograd.Function):
    """The derivative times a gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gradient: Tensor, threshold: float) -> Tensor:
        ctx.save_for_backward(x, gradient)
        ctx.threshold = threshold
        y = torch.ops.aten.silu_backward(gradient, x)
        if not _reaches(x, threshold):
            return y
        _, slope = plain.silut_constants(threshold)
        tail = gradient * slope * (1.0 - torch.tanh(slope * (x - threshold)) ** 2)
        return torch.where(x < threshold, y, tail)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, gradient = ctx.saved_tensors
        of_gradient = _Slope.apply(x, upstream, ctx.threshold) if ctx.needs_input_grad[1] else None
        of_x = upstream * gradient * _curvature(x, ctx.threshold) if ctx.needs_input_grad[0] else None
        return of_x, of_gradient, None


def _curvature(x: Tensor, threshold: float) -> Tensor:
    """The second derivative; itself of ordinary operations, for those of higher orders."""
    s = torch.sigmoid(x)
    y = s * (1.0 - s) * (2.0 + x * (1.0 - 2.0 * s))
    if not _reaches(x, threshold):
        return y
    _, slope = plain.silut_constants(threshold)
    t = torch.tanh(slope * (x - threshold))
    return torch.where(x < threshold, y, -2.0 * slope * slope * t * (1.0 - t * t))


def _reaches(x: Tensor, threshold: float) -> bool:
    """Whether the tail is needed; on a GPU it is computed rather than waited for."""
    if threshold == float("inf"):
        return False
    return not x.is_cpu or x.numel() == 0 or bool(x.detach().amax() >= threshold)
