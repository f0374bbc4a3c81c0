# SPDX-License-Identifier: LGPL-3.0-or-later
"""Operations of `deepmd_dp.ops` on fused kernels, where PyTorch's tensors allow it.

The embedding net is one node in autograd's graph. It gives G and, beside it, dG, the
derivative of G along the input's first component, so that

- the force is a product with dG and needs no way back through the net, and
- the gradient of a loss of forces reaches the node as the gradients of G and of dG, and one
  call of the fused way back serves both.

Higher derivatives, which no training needs, go through the plain form.
"""

from __future__ import annotations

import os
import warnings
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from deepmd_dp import ops as plain_ops

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["embedding_moments", "embedding_net", "is_fused", "load_library", "load_ops"]

_LIBRARY = "libdeepmd_pt_ops"
_ACTIVATIONS = {"none": 0, "linear": 0, "tanh": 1, "relu": 2, "sigmoid": 3, "silu": 4, "gelu": 5, "gelu_tf": 5}
_NAMES = ("linear", "tanh", "relu", "sigmoid", "silu", "gelu")

Spec = list[int]
"""For each layer: number of its activation, has a bias, has a time step, is residual."""


def load_ops() -> None:
    """Run the models' operations on the kernels below, from now on."""
    from deepmd_pt import namespace

    plain_ops.override("embedding_net", namespace, embedding_net)
    plain_ops.override("embedding_moments", namespace, embedding_moments)


def embedding_net(x: Tensor, layers: Sequence[Any]) -> Tensor:
    """The layers of an embedding net, one after the other; see `deepmd_dp.ops.embedding_net`.

    Parameters
    ----------
    x : Tensor, (..., nin)
        The first component is the one that forces go through.
    layers : sequence of objects with w, b, idt, activation_function, resnet

    Returns
    -------
    Tensor, (..., nout)
    """
    if not is_fused(x, layers):
        return plain_ops.embedding_net.plain(x, layers)
    spec, params = _flatten(layers)
    rows = x.reshape(-1, x.shape[-1]).contiguous()
    g, _ = _Jet.apply(spec, rows, *params)
    return g.reshape(*x.shape[:-1], g.shape[-1])


def embedding_moments(x: Tensor, r: Tensor, weights: Tensor, layers: Sequence[Any]) -> Tensor:
    """Moments of an atom's embedded neighbours, (R w)ᵀ G with G the embedding net of x.

    Neighbours of weight 0 at the end of an atom's list are not worked on at all.

    Parameters
    ----------
    x : Tensor, (..., nnei, nin)
        The first component is the one that forces go through.
    r : Tensor, (..., nnei, nr)
    weights : Tensor, (..., nnei, 1)
        0: not a neighbour.
    layers : sequence of objects with w, b, idt, activation_function, resnet

    Returns
    -------
    Tensor, (..., nr, nout)
    """
    weighted = r * weights
    if not is_fused(x, layers, r, weights) or x.shape[-2] == 0:
        return weighted.mT @ embedding_net(x, layers)
    spec, params = _flatten(layers)
    count = None if weights.requires_grad else _count(weights.reshape(-1, x.shape[-2]))
    lead, plan = x.shape[:-2], _Plan(spec, count, layers[-1].w.shape[1])
    rows = [t.reshape(-1, *t.shape[-2:]).contiguous() for t in (x, weighted)]
    moments, *_ = _Moments.apply(plan, *rows, *params)
    return moments.reshape(*lead, *moments.shape[-2:])


def _count(weights: Tensor) -> Tensor:
    """Up to where an atom's neighbours may have a weight other than 0."""
    number = torch.arange(1, weights.shape[1] + 1, dtype=torch.int32)
    return torch.where(weights != 0, number, 0).amax(dim=1).to(torch.int32)


def is_fused(x: Tensor, layers: Sequence[Any], *others: Tensor) -> bool:
    """Whether `embedding_net` (or, with its other tensors, another operation) runs on the fused kernel."""
    if os.environ.get("DP_PT_PLAIN_OPS") == "1" or x.dtype not in (torch.float64, torch.float32) or not layers:
        return False
    tensors = [x, *others, *(t for each in layers for t in (each.w, each.b, each.idt) if t is not None)]
    return (
        all(each.activation_function.lower() in _ACTIVATIONS for each in layers)
        and all(type(t) in (torch.Tensor, torch.nn.Parameter) and t.is_cpu and t.dtype == x.dtype for t in tensors)
        and not _is_traced()
        and load_library()
    )


@cache
def load_library() -> bool:
    """Load the kernels; where that fails, warn once and say why."""
    try:
        torch.ops.load_library(str(_library_path()))
    except (OSError, RuntimeError) as error:
        warnings.warn(
            f"deepmd_pt runs without its fused kernels, which is slower: {error}. Reinstall deepmd-pt for "
            f"this Python and PyTorch {torch.__version__} (2.10 or later), or set DP_PT_PLAIN_OPS=1 to "
            "keep the plain form without this warning.",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    return True


def _library_path() -> Path:
    """The kernels lie beside this file, or, in an editable install, in site-packages."""
    beside = sorted((Path(__file__).parent / "lib").glob(f"{_LIBRARY}.*"))
    if beside:
        return beside[0]
    try:
        files = metadata.files("deepmd-pt") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name.startswith(f"{_LIBRARY}."):
            return Path(str(file.locate()))
    raise OSError(f"{_LIBRARY} is neither in {Path(__file__).parent / 'lib'} nor among deepmd-pt's installed files")


def _is_traced() -> bool:
    """Whether something records or transforms what runs: it can see through the plain form only."""
    return (
        torch.jit.is_tracing()
        or torch.compiler.is_compiling()
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._functorch.peek_interpreter_stack() is not None
    )


def _flatten(layers: Sequence[Any]) -> tuple[Spec, list[Tensor]]:
    spec: Spec = []
    params: list[Tensor] = []
    for each in layers:
        spec += [_ACTIVATIONS[each.activation_function.lower()], each.b is not None, each.idt is not None, each.resnet]
        params += [t.contiguous() for t in (each.w, each.b, each.idt) if t is not None]
    return [int(n) for n in spec], params


class _Jet(torch.autograd.Function):
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
        need_x, *need_each = (_will_run(node) for node, _ in ctx.next_functions)
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
            gx, *gparams = _JetGradient.apply(ctx.spec, need_x, need_params, x, gg, gdg, *params)
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


class _JetGradient(torch.autograd.Function):
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
        return gx if need_x else None, *_split(flat, params, need_params)

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


class _Plan(NamedTuple):
    """What the moments' kernels need besides numbers."""

    spec: Spec
    count: Tensor | None  # how many of each atom's neighbours are used; None: all
    nout: int

    def used(self, rows: Tensor) -> Tensor:
        """The rows, zero where a neighbour is not used."""
        if self.count is None:
            return rows
        return torch.where(torch.arange(rows.shape[1])[:, None] < self.count[:, None, None], rows, 0.0)

    def unpad(self, rows: Tensor, like: Tensor) -> Tensor:
        """The kernels' G as (natoms, nnei, nout)."""
        return rows[:, : self.nout].reshape(*like.shape[:2], self.nout)


class _Moments(torch.autograd.Function):
    """(M, G, dG) of (natoms, nnei, ...) neighbours; G and dG in rows padded for the kernels."""

    @staticmethod
    def forward(ctx: Any, plan: _Plan, x: Tensor, r: Tensor, *params: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with_jet = any(ctx.needs_input_grad[1:3])
        m, g, dg = torch.ops.deepmd_pt.embedding_moments(x, r, plan.count, params, plan.spec, with_jet)
        ctx.plan = plan
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, r, g, dg, *params)
        if not with_jet:
            ctx.mark_non_differentiable(g, dg)
        return m, g, dg

    @staticmethod
    def backward(ctx: Any, gm: Tensor | None, gg: Tensor | None, gdg: Tensor | None) -> tuple[Tensor | None, ...]:
        x, r, g, dg, *params = ctx.saved_tensors
        need_x, need_r, *need_each = (_will_run(node) for node, _ in ctx.next_functions)
        need_params = any(need_each)
        gm, gg, gdg = (None if t is None else t.contiguous() for t in (gm, gg, gdg))
        first = gg is None and gdg is None
        along = gx = gr = None
        gparams: Sequence[Tensor | None] = (None,) * len(params)
        if gm is not None and (need_r or (need_x and first)):
            along, gr = _MomentsForce.apply(ctx.plan, r, gm, g, dg)
        if first:
            need_x = need_x and x.shape[2] > 1
        if (need_x or need_params) and not (gm is None and first):
            gx, *gparams = _moments_gradient(ctx.plan, need_x, need_params, x, r, gm, gg, gdg, params)
        if first and along is not None:
            gx = along if gx is None else torch.cat([along, gx[..., 1:]], dim=-1)
        return None, gx, gr, *gparams


def _moments_gradient(
    plan: _Plan,
    need_x: bool,
    need_params: bool,
    x: Tensor,
    r: Tensor,
    gm: Tensor | None,
    gg: Tensor | None,
    gdg: Tensor | None,
    params: Sequence[Tensor],
) -> tuple[Tensor | None, ...]:
    """From the gradients of M, G and dG to those of x and the parameters."""
    if not torch.is_grad_enabled():
        gx, flat = torch.ops.deepmd_pt.embedding_moments_backward(
            x, r, plan.count, params, plan.spec, gm, gg, gdg, need_x, need_params
        )
        return gx if need_x else None, *_split(flat, params, need_params)
    total = torch.zeros((), dtype=x.dtype) if gg is None else plan.unpad(gg, x)
    if gm is not None:
        total = total + plan.used(r) @ gm
    tangent = None if gdg is None else plan.unpad(gdg, x).flatten(0, 1).contiguous()
    gx, *gparams = _JetGradient.apply(
        plan.spec,
        need_x,
        need_params,
        x.flatten(0, 1),
        total.flatten(0, 1).contiguous(),
        tangent,
        *params,
    )
    return None if gx is None else gx.reshape(x.shape), *gparams


class _MomentsForce(torch.autograd.Function):
    """Derivatives of Σ gm·M along x[..., 0] and of r, from G and dG."""

    @staticmethod
    def forward(ctx: Any, plan: _Plan, r: Tensor, gm: Tensor, g: Tensor, dg: Tensor) -> tuple[Tensor, Tensor]:
        ctx.plan = plan
        ctx.save_for_backward(r, gm, g, dg)
        return torch.ops.deepmd_pt.moments_force(r, plan.count, gm, g, dg)

    @staticmethod
    def backward(ctx: Any, v: Tensor, w: Tensor) -> tuple[Tensor | None, ...]:
        r, gm, g, dg = ctx.saved_tensors
        v, w = v.contiguous(), w.contiguous()
        if not torch.is_grad_enabled():
            need_r = _will_run(ctx.next_functions[0][0])
            ggm, gg, gdg, gr = torch.ops.deepmd_pt.moments_force_backward(r, ctx.plan.count, gm, g, dg, v, w, need_r)
            return None, gr if need_r else None, ggm, gg, gdg
        plan: _Plan = ctx.plan
        v, w = plan.used(v), plan.used(w)
        values, tangents = plan.unpad(g, r), plan.unpad(dg, r)
        ggm = (r * v).mT @ tangents + w.mT @ values
        padding = (0, g.shape[1] - plan.nout)
        gg = torch.nn.functional.pad((w @ gm).flatten(0, 1), padding)
        gdg = torch.nn.functional.pad((v * (r @ gm)).flatten(0, 1), padding)
        return None, v * (tangents @ gm.mT), ggm, gg, gdg


def _split(flat: Tensor, params: Sequence[Tensor], wanted: bool) -> list[Tensor | None]:
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
    """What `_JetGradient` gives, all of it, as a graph of PyTorch's own operations."""
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


def _will_run(node: Any) -> bool:
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
