# SPDX-License-Identifier: LGPL-3.0-or-later
"""Operations of `deepmd_dp.dialect.ops` in forms that suit paddle, and on kernels where its tensors allow it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd_dp.dialect import ops as plain_ops
from deepmd_dp.kit import kernels, moments_call
from deepmd_pd import namespace
from deepmd_pd.framework import paddle
from deepmd_pd.kernel_library import load_library
from deepmd_pd.moments import moments

if TYPE_CHECKING:
    from paddle import Tensor


def register_ops() -> None:
    """Make the models run on these, wherever they run on tensors."""
    plain_ops.override("outer_products", namespace, plain_ops.outer_products_by_matmul)
    plain_ops.override("split_switched", namespace, lambda a: paddle.unbind(a, 1))
    plain_ops.override("scatter_add", namespace, scatter_add)
    for name, operation in moments_call.overrides(moments, can_run).items():
        plain_ops.override(name, namespace, operation)


def scatter_add(values: Tensor, index: Tensor, size: Any) -> Tensor:
    """See `deepmd_dp.dialect.ops.scatter_add`; what has the index -1 goes to a row that is cut off."""
    nframes, _, width = namespace.shape(values)
    rows = paddle.where(index < 0, paddle.full_like(index, 0) + size, index)
    rows = rows + (paddle.arange(nframes) * (size + 1))[:, None]
    like = paddle.zeros([nframes * (size + 1), width], values.dtype)
    # half the time of paddle.index_add
    out = paddle._C_ops.gather_grad(like, paddle.reshape(rows, [-1]), paddle.reshape(values, [-1, width]), 0)
    return paddle.reshape(out, [nframes, size + 1, width])[:, :size]


def can_run(derived: tuple[Tensor, ...], fixed: tuple[Tensor, ...]) -> bool:
    """Whether the kernels can run on these: on the CPU, of known types, recorded where a graph is to run on them."""
    tensors = (*derived, *fixed)
    return (
        (_are_at_hand(tensors) if paddle.in_dynamic_mode() else kernels.are_wanted_in_graphs())
        and all(each.stop_gradient for each in fixed)
        and moments_call.are_types_known([str(each.dtype).rpartition(".")[2] for each in tensors], len(derived))
        and load_library()
    )


def _are_at_hand(tensors: tuple[Tensor, ...]) -> bool:
    return kernels.are_wanted() and all(each.place.is_cpu_place() and each.size > 0 for each in tensors)
