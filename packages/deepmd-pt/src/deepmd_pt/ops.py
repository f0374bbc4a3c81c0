# SPDX-License-Identifier: LGPL-3.0-or-later
"""Operations of `deepmd_dp.dialect.ops` on fused kernels, where PyTorch's tensors allow it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from deepmd_dp.dialect import ops as plain_ops
from deepmd_dp.kit import kernels
from deepmd_pt.embedding_jet import Jet
from deepmd_pt.embedding_moments import Moments, Plan
from deepmd_pt.kernel_library import load_library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def load_ops() -> None:
    """Run the models' operations on the kernels below, from now on."""
    from deepmd_pt import namespace

    plain_ops.override("embedding_net", namespace, embedding_net)
    plain_ops.override("embedding_moments", namespace, embedding_moments)


def embedding_net(x: Tensor, layers: Sequence[Any]) -> Tensor:
    """The layers of an embedding net, one after the other; see `deepmd_dp.dialect.ops.embedding_net`.

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
    g, _ = Jet.apply(spec, rows, *params)
    return g.reshape(*x.shape[:-1], g.shape[-1])


def embedding_moments(x: Tensor, r: Tensor, weights: Tensor, layers: Sequence[Any]) -> Tensor:
    """Moments of an atom's embedded neighbors, (R w)ᵀ G with G the embedding net of x.

    Neighbors of weight 0 at the end of an atom's list are not worked on at all.

    Parameters
    ----------
    x : Tensor, (..., nnei, nin)
        The first component is the one that forces go through.
    r : Tensor, (..., nnei, nr)
    weights : Tensor, (..., nnei, 1)
        0: not a neighbor.
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
    lead, plan = x.shape[:-2], Plan(spec, count, layers[-1].w.shape[1])
    rows = [t.reshape(-1, *t.shape[-2:]).contiguous() for t in (x, weighted)]
    moments, *_ = Moments.apply(plan, *rows, *params)
    return moments.reshape(*lead, *moments.shape[-2:])


def _flatten(layers: Sequence[Any]) -> tuple[kernels.Spec, list[Tensor]]:
    spec, params = kernels.flatten_layers(layers)
    return spec, [t.contiguous() for t in params]


def _count(weights: Tensor) -> Tensor:
    """Up to where an atom's neighbors may have a weight other than 0."""
    number = torch.arange(1, weights.shape[1] + 1, dtype=torch.int32)
    return torch.where(weights != 0, number, 0).amax(dim=1).to(torch.int32)


def is_fused(x: Tensor, layers: Sequence[Any], *others: Tensor) -> bool:
    """Whether `embedding_net` (or, with its other tensors, another operation) runs on the fused kernel."""
    if not kernels.are_wanted() or x.dtype not in (torch.float64, torch.float32) or not kernels.know(layers):
        return False
    tensors = [x, *others, *kernels.flatten_layers(layers)[1]]
    return (
        all(type(t) in (torch.Tensor, torch.nn.Parameter) and t.is_cpu and t.dtype == x.dtype for t in tensors)
        and not _is_traced()
        and load_library()
    )


def _is_traced() -> bool:
    """Whether something records or transforms what runs: it can see through the plain form only."""
    return (
        torch.jit.is_tracing()
        or torch.compiler.is_compiling()
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._functorch.peek_interpreter_stack() is not None
    )
