# SPDX-License-Identifier: LGPL-3.0-or-later
"""Operations of `deepmd_dp.dialect.ops` on fused kernels, where paddle's tensors allow it, and in forms that suit paddle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd_dp.dialect import ops as plain_ops
from deepmd_dp.kit import kernels
from deepmd_pd import namespace
from deepmd_pd.embedding_moments import Neighbors
from deepmd_pd.embedding_moments import embedding_moments as fused_moments
from deepmd_pd.framework import paddle
from deepmd_pd.kernel_library import load_library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paddle import Tensor


def load_ops() -> None:
    """Run the models' operations on the kernels below, from now on."""
    plain_ops.override("embedding_moments", namespace, embedding_moments)


def embedding_moments(x: Tensor, r: Tensor, weights: Tensor, layers: Sequence[Any]) -> Tensor:
    """See `deepmd_dp.dialect.ops.embedding_moments`; neighbors of weight 0 at the end of a list are not worked on."""
    if not is_fused(x, r, weights, layers):
        return plain_ops.embedding_moments.plain(x, r, weights, layers)
    spec, params = kernels.flatten_layers(layers)
    lead, nnei = x.shape[:-2], x.shape[-2]
    rows = (paddle.reshape(each, [-1, nnei, each.shape[-1]]).contiguous() for each in (x, r * weights))
    count = _count(paddle.reshape(weights, [-1, nnei]))
    moments = fused_moments(Neighbors(*rows, count, spec, [each.contiguous() for each in params]))
    return paddle.reshape(moments, [*lead, *moments.shape[-2:]])


def _count(weights: Tensor) -> Tensor:
    """Up to where an atom's neighbors have a weight other than 0."""
    number = paddle.arange(1, weights.shape[1] + 1, dtype="int32")
    return paddle.max(paddle.where(weights != 0, number, paddle.zeros_like(number)), axis=1)


def is_fused(x: Tensor, r: Tensor, weights: Tensor, layers: Sequence[Any]) -> bool:
    """Whether these tensors can be given to the kernels: on the CPU, of one type, not recorded into a graph."""
    if not (paddle.in_dynamic_mode() and kernels.are_wanted() and kernels.know(layers)):
        return False
    tensors = [x, r, weights, *kernels.flatten_layers(layers)[1]]
    return (
        x.dtype in (paddle.float64, paddle.float32)
        and x.shape[-1] == 1
        and x.size > 0
        and weights.stop_gradient
        and all(each.place.is_cpu_place() and each.dtype == x.dtype for each in tensors)
        and load_library()
    )
