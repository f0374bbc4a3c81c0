# SPDX-License-Identifier: LGPL-3.0-or-later
"""The moments of an atom's embedded neighbors on the fused kernels, as nodes of paddle's graph.

A node of paddle computes the derivatives by all its inputs, wanted or not; but `paddle.grad` leaves out the
nodes that lead to no wanted derivative. So the operation is split into nodes by what they are derived by:

========== =============== ====================== ====================================
node       gives           is derived by          runs back for
========== =============== ====================== ====================================
Embedded   M, G, dG        parameters of the net  the gradient of the loss
Displaced  zeros, added    x, r                   the forces
           to M
Force      gx, gr          x, r, gm, G, dG        the gradient of the forces' loss
========== =============== ====================== ====================================

M = rᵀ G are the moments, G the rows of the embedding net and dG their derivative along x, both padded for
the kernels; gm, gx, gr the derivatives by M, x and r. A node takes its inputs as one list: of several
arguments paddle 3.3 insists on None for those whose derivative is not wanted, and does not say which.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deepmd_pd.framework import NUM_THREADS, paddle
from deepmd_pd.kernel_library import call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paddle import Tensor

    from deepmd_dp.kit.kernels import Spec


_are_displacements_fixed: ContextVar[bool] = ContextVar("are_displacements_fixed", default=False)


@contextmanager
def fixed_displacements() -> Iterator[None]:
    """Within it no work is done for derivatives by x and r: for whoever uses those by the parameters only."""
    token = _are_displacements_fixed.set(True)
    try:
        yield
    finally:
        _are_displacements_fixed.reset(token)


@dataclass(frozen=True)
class Neighbors:
    """What the nodes of one operation share.

    Attributes
    ----------
    x : Tensor, (natoms, nnei, 1)
        Input of the net.
    r : Tensor, (natoms, nnei, nr)
    count : Tensor or None, (natoms,) int32
        How many of each atom's neighbors are used; None: all.
    spec, params : list
        The layers of the net, see `deepmd_dp.kit.kernels.flatten_layers`.
    """

    x: Tensor
    r: Tensor
    count: Tensor | None
    spec: Spec
    params: list[Tensor]

    def gradients(self, gm: Tensor | None, gg: Tensor | None, gdg: Tensor | None, *, of_x: bool) -> Tensor:
        """The derivative by x, or that by all parameters in one row, from those by M, G and dG."""
        arguments = (self.x, self.r, self.count, gm, gg, gdg, self.params, self.spec)
        of_each = call("embedding_moments_backward", *arguments, of_x, not of_x, NUM_THREADS)
        return of_each[0 if of_x else 1]


@dataclass(frozen=True)
class Embedded:
    """G and dG, (natoms * nnei, nout padded)."""

    g: Tensor
    dg: Tensor


def embedding_moments(near: Neighbors) -> Tensor:
    """M, (natoms, nr, nout), with all first and second derivatives."""
    with_jet = paddle.is_grad_enabled() and not (near.x.stop_gradient and near.r.stop_gradient)
    moments, g, dg = _Embedded.apply(near.params, near, with_jet)
    return moments + _Displaced.apply([near.x, near.r], near, Embedded(g, dg)) if with_jet else moments


class _Embedded(paddle.autograd.PyLayer):
    @staticmethod
    def forward(ctx: Any, params: list[Tensor], near: Neighbors, with_jet: bool) -> tuple[Tensor, ...]:
        ctx.near = near
        ctx.set_materialize_grads(False)
        arguments = (near.x, near.r, near.count, params, near.spec)
        return tuple(call("embedding_moments", *arguments, with_jet, NUM_THREADS))

    @staticmethod
    def backward(ctx: Any, *derivatives: Tensor | None) -> list[Tensor]:
        _check_order()
        params = ctx.near.params
        flat = ctx.near.gradients(*map(_contiguous, derivatives), of_x=False)
        pieces = paddle.split(flat, [param.size for param in params])
        return [paddle.reshape(piece, param.shape) for piece, param in zip(pieces, params, strict=True)]


class _Displaced(paddle.autograd.PyLayer):
    @staticmethod
    def forward(ctx: Any, rows: list[Tensor], near: Neighbors, embedded: Embedded) -> Tensor:
        ctx.held = rows, near, embedded
        natoms, _, nr = near.r.shape
        return paddle.zeros([natoms, nr, near.params[-1].shape[-1]], near.r.dtype)

    @staticmethod
    def backward(ctx: Any, gm: Tensor) -> list[Tensor]:
        rows, near, embedded = ctx.held
        if _are_displacements_fixed.get():
            return [paddle.zeros_like(each) for each in rows]
        return list(_Force.apply([*rows, gm, embedded.g, embedded.dg], near))


class _Force(paddle.autograd.PyLayer):
    @staticmethod
    def forward(ctx: Any, inputs: list[Tensor], near: Neighbors) -> tuple[Tensor, ...]:
        embedded = [_contiguous(each) for each in inputs[2:]]
        ctx.held = near, embedded
        return tuple(call("moments_force", near.r, near.count, *embedded, NUM_THREADS))

    @staticmethod
    def backward(ctx: Any, v: Tensor, w: Tensor) -> list[Tensor]:
        _check_order()
        near, embedded = ctx.held
        arguments = (near.r, near.count, *embedded, _contiguous(v), _contiguous(w))
        ggm, gg, gdg, gr = call("moments_force_backward", *arguments, NUM_THREADS)
        gx = paddle.zeros_like(near.x) if _are_displacements_fixed.get() else near.gradients(None, gg, gdg, of_x=True)
        return [gx, gr, ggm, gg, gdg]


def _contiguous(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()


def _check_order() -> None:
    """What follows is not recorded: a further derivative would lack terms.

    Raises
    ------
    NotImplementedError
        A derivative of a second derivative is to be recorded.
    """
    if paddle.is_grad_enabled():
        raise NotImplementedError("the kernels of deepmd-pd have two derivatives; set DP_PLAIN_OPS=1 for higher ones.")
