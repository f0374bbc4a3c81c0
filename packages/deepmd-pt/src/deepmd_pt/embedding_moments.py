# SPDX-License-Identifier: LGPL-3.0-or-later
"""The moments of an atom's embedded neighbors as one node of autograd's graph, on the fused kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from deepmd_pt.embedding_jet import JetGradient, split_parameters, will_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepmd_dp.kit.kernels import Spec


class Plan(NamedTuple):
    """What the moments' kernels need besides numbers."""

    spec: Spec
    count: Tensor | None  # how many of each atom's neighbors are used; None: all
    nout: int

    def used(self, rows: Tensor) -> Tensor:
        """The rows, zero where a neighbor is not used."""
        if self.count is None:
            return rows
        return torch.where(torch.arange(rows.shape[1])[:, None] < self.count[:, None, None], rows, 0.0)

    def unpad(self, rows: Tensor, like: Tensor) -> Tensor:
        """The kernels' G as (natoms, nnei, nout)."""
        return rows[:, : self.nout].reshape(*like.shape[:2], self.nout)


class Moments(torch.autograd.Function):
    """(M, G, dG) of (natoms, nnei, ...) neighbors; G and dG in rows padded for the kernels."""

    @staticmethod
    def forward(ctx: Any, plan: Plan, x: Tensor, r: Tensor, *params: Tensor) -> tuple[Tensor, Tensor, Tensor]:
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
        need_x, need_r, *need_each = (will_run(node) for node, _ in ctx.next_functions)
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
    plan: Plan,
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
        return gx if need_x else None, *split_parameters(flat, params, need_params)
    total = torch.zeros((), dtype=x.dtype) if gg is None else plan.unpad(gg, x)
    if gm is not None:
        total = total + plan.used(r) @ gm
    tangent = None if gdg is None else plan.unpad(gdg, x).flatten(0, 1).contiguous()
    gx, *gparams = JetGradient.apply(
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
    def forward(ctx: Any, plan: Plan, r: Tensor, gm: Tensor, g: Tensor, dg: Tensor) -> tuple[Tensor, Tensor]:
        ctx.plan = plan
        ctx.save_for_backward(r, gm, g, dg)
        return torch.ops.deepmd_pt.moments_force(r, plan.count, gm, g, dg)

    @staticmethod
    def backward(ctx: Any, v: Tensor, w: Tensor) -> tuple[Tensor | None, ...]:
        r, gm, g, dg = ctx.saved_tensors
        v, w = v.contiguous(), w.contiguous()
        if not torch.is_grad_enabled():
            need_r = will_run(ctx.next_functions[0][0])
            ggm, gg, gdg, gr = torch.ops.deepmd_pt.moments_force_backward(r, ctx.plan.count, gm, g, dg, v, w, need_r)
            return None, gr if need_r else None, ggm, gg, gdg
        plan: Plan = ctx.plan
        v, w = plan.used(v), plan.used(w)
        values, tangents = plan.unpad(g, r), plan.unpad(dg, r)
        ggm = (r * v).mT @ tangents + w.mT @ values
        padding = (0, g.shape[1] - plan.nout)
        gg = torch.nn.functional.pad((w @ gm).flatten(0, 1), padding)
        gdg = torch.nn.functional.pad((v * (r @ gm)).flatten(0, 1), padding)
        return None, v * (tangents @ gm.mT), ggm, gg, gdg
