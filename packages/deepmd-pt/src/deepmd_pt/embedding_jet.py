# SPDX-License-Identifier: LGPL-3.0-or-later
"""An embedding net as one node of autograd's graph, on the fused kernel.

The node gives G and, beside it, dG, the derivative of G along the input's first component, so that

- the force is a product with dG and needs no way back through the net, and
- the gradient of a loss of forces reaches the node as the gradients of G and of dG, and one
  call of the fused way back serves both.

Higher derivatives, which no training needs, go through the plain form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from deepmd_dp.dialect import ops as plain_ops

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepmd_dp.kit.kernels import Spec

_NAMES = ("linear", "tanh", "relu", "sigmoid", "silu", "gelu")


class Jet(torch.autograd.Function):
    """(G, dG) of an embedding net; x is (nedge, nin)."""

    @staticmethod
    def forward(ctx: Any, spec: Spec, x: Tensor, *params: Tensor) -> tuple[Tensor, Tensor]:
        with_tangent = ctx.needs_input_grad[1]
        g, dg = torch.ops.deepmd_pt.embedding_jet(x, params, spec, with_tangent)
        ctx.spec = spec
        ctx.set_materialize_grads(False)
        # dG is saved as an output: read in `backward` it leads to this node again.
        ctx.save_for_backward(x, dg, *params)
        if not with_tangent:
            ctx.mark_non_differentiable(dg)
        return g, dg

    @staticmethod
    def backward(ctx: Any, gg: Tensor | None, gdg: Tensor | None) -> tuple[Tensor | None, ...]:
        x, dg, *params = ctx.saved_tensors
        need_x, *need_each = (will_run(node) for node, _ in ctx.next_functions)
        need_params = any(need_each)
        gg, gdg = (None if t is None else t.contiguous() for t in (gg, gdg))
        if gg is None and gdg is None:
            return (None,) * (2 + len(params))
        along = None
        if need_x and gdg is None and (x.shape[1] == 1 or torch.is_grad_enabled()):
            along = _RowDot.apply(gg, dg)
            need_x = x.shape[1] > 1
        gx, gparams = None, (None,) * len(params)
        if need_x or need_params:
            gx, *gparams = JetGradient.apply(ctx.spec, need_x, need_params, x, gg, gdg, *params)
        if along is not None:
            gx = along if gx is None else torch.cat([along, gx[:, 1:]], dim=1)
        return None, gx, *gparams


class _RowDot(torch.autograd.Function):
    """Sum of a * b over the columns, (n, 1)."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return torch.ops.deepmd_pt.row_dot(a, b)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a, b = ctx.saved_tensors
        need_a, need_b = ctx.needs_input_grad
        return (g * b if need_a else None), (g * a if need_b else None)


class JetGradient(torch.autograd.Function):
    """From the gradients of G and dG to those of x and the parameters; its own derivative is the plain form's."""

    @staticmethod
    def forward(
        ctx: Any,
        spec: Spec,
        need_x: bool,
        need_params: bool,
        x: Tensor,
        gg: Tensor | None,
        gdg: Tensor | None,
        *params: Tensor,
    ) -> tuple[Tensor | None, ...]:
        ctx.spec = spec
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, gg, gdg, *params)
        gx, flat = torch.ops.deepmd_pt.embedding_jet_backward(x, params, spec, gg, gdg, need_x, need_params)
        return gx if need_x else None, *split_parameters(flat, params, need_params)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor | None) -> tuple[Tensor | None, ...]:
        x, gg, gdg, *params = ctx.saved_tensors
        again = torch.is_grad_enabled()
        # Cutting the force out of x's gradient leaves zeros for the other components.
        if not again and not any(g is not None and bool(g.any()) for g in outer):
            return (None,) * (6 + len(params))
        with torch.enable_grad():
            inputs = [_alias(t) for t in (x, gg, gdg, *params)]
            first = _plain_backward(ctx.spec, *inputs)
            pairs = [(f, g) for f, g in zip(first, outer, strict=True) if f is not None and g is not None]
            wanted = [t for t in inputs if t is not None]
            grads = iter(
                torch.autograd.grad(
                    [f for f, _ in pairs], wanted, [g for _, g in pairs], create_graph=again, allow_unused=True
                )
            )
        return None, None, None, *(None if t is None else next(grads) for t in inputs)


def split_parameters(flat: Tensor, params: Sequence[Tensor], wanted: bool) -> list[Tensor | None]:
    """The parameters' gradients, each a tensor of its own: autograd allows no views of one another."""
    if not wanted:
        return [None] * len(params)
    pieces = flat.split([p.numel() for p in params])
    return [piece.reshape(p.shape).clone() for piece, p in zip(pieces, params, strict=True)]


def _alias(tensor: Tensor | None) -> Tensor | None:
    """The same values as an input of their own, through which derivatives go on to the tensor."""
    if tensor is None:
        return None
    return tensor.view_as(tensor) if tensor.requires_grad else tensor.detach().requires_grad_()


def _plain_backward(
    spec: Spec, x: Tensor, gg: Tensor | None, gdg: Tensor | None, *params: Tensor
) -> tuple[Tensor | None, ...]:
    """What `JetGradient` gives, all of it, as a graph of PyTorch's own operations."""
    y, rest = x, iter(params)
    for i in range(0, len(spec), 4):
        kind, has_b, has_idt, resnet = spec[i : i + 4]
        w, b, idt = next(rest), next(rest) if has_b else None, next(rest) if has_idt else None
        y = plain_ops.layer.plain(y, w, b, idt, _NAMES[kind], bool(resnet))
    pairs = [(y, gg), (None if gdg is None else _plain_tangent(y, x), gdg)]
    pairs = [(f, g) for f, g in pairs if g is not None]
    return torch.autograd.grad(
        [f for f, _ in pairs], [x, *params], [g for _, g in pairs], create_graph=True, allow_unused=True
    )


def _plain_tangent(y: Tensor, x: Tensor) -> Tensor:
    """Derivative of the rows of y along x[:, 0], as that of the way back, which is linear in what it starts from.

    PyTorch's forward mode would do as well, but warns of its own use of torch.jit.script (2.13).
    """
    start = torch.zeros_like(y).requires_grad_()
    (back,) = torch.autograd.grad(y, x, start, create_graph=True)
    return torch.autograd.grad(back[:, 0].sum(), start, create_graph=True)[0]


def will_run(node: Any) -> bool:
    """Whether the running backward pass asks for the gradient that goes to this node.

    `ctx.needs_input_grad` does not know: it is True for the parameters also while
    `torch.autograd.grad(energy, coord)` asks for forces only.
    """
    if node is None:
        return False
    try:
        return torch._C._will_engine_execute_node(node)
    except (AttributeError, RuntimeError):  # RuntimeError: a leaf whose gradient is asked for
        return True
