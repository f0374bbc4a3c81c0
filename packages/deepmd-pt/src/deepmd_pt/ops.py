# SPDX-License-Identifier: LGPL-3.0-or-later
"""Operations of `deepmd_dp.dialect.ops` as they suit PyTorch, and on kernels where its tensors allow it."""

from __future__ import annotations

import torch
from torch import Tensor

from deepmd_dp.dialect import activations
from deepmd_dp.dialect import ops as plain_ops
from deepmd_dp.kit import kernels, moments_call
from deepmd_pt import namespace
from deepmd_pt.kernel_library import load_library
from deepmd_pt.moments import moments


def register_ops() -> None:
    """Make the models run on these, wherever they run on tensors."""
    plain_ops.override("scatter_add", namespace, scatter_add)
    plain_ops.override("silu", namespace, torch.nn.functional.silu)
    plain_ops.override("silut", namespace, silut)
    for name, operation in moments_call.overrides(moments, can_run).items():
        plain_ops.override(name, namespace, operation)


def silut(x: Tensor, threshold: float) -> Tensor:
    """See `deepmd_dp.dialect.activations.silut`; torch's SiLU, which keeps its argument alone, as far as it reaches."""
    if torch.jit.is_tracing() or not x.is_cpu or x.numel() == 0 or bool(x.detach().amax() >= threshold):
        return activations.silut.plain(x, threshold)
    return torch.nn.functional.silu(x)


def scatter_add(values: Tensor, index: Tensor, size: int) -> Tensor:
    """See `deepmd_dp.dialect.ops.scatter_add`; what has the index -1 goes to a row that is cut off."""
    nframes, _, width = values.shape
    # the frames' numbers; of torch.arange a file would hold the device where it was traced
    first = (index.new_ones((nframes, 1)).cumsum(0) - 1) * (size + 1)
    rows = (torch.where(index < 0, size, index) + first).reshape(-1)
    # half the time of torch.scatter_add, whose index is as wide as the values
    out = values.new_zeros((nframes * (size + 1), width)).index_add(0, rows, values.reshape(-1, width))
    return out.reshape(nframes, size + 1, width)[:, :size]


def can_run(derived: tuple[Tensor, ...], fixed: tuple[Tensor, ...]) -> bool:
    """Whether the kernels can run on these: on the CPU, of known types; in files, where these may hold them."""
    wanted = kernels.are_wanted_in_graphs if torch.jit.is_tracing() else kernels.are_wanted
    if torch.compiler.is_compiling() or not wanted():
        return False
    tensors = (*derived, *fixed)
    return (
        all(type(each) in (Tensor, torch.nn.Parameter) and each.is_cpu for each in tensors)
        and not any(each.requires_grad for each in fixed)
        and moments_call.are_types_known([str(each.dtype).removeprefix("torch.") for each in tensors], len(derived))
        and load_library()
    )
