# SPDX-License-Identifier: LGPL-3.0-or-later
"""The one derivative that paddle is asked for: of the energy by the displacements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd_dp.dialect import ops
from deepmd_pd import namespace
from deepmd_pd.embedding_moments import fixed_displacements
from deepmd_pd.framework import paddle

if TYPE_CHECKING:
    from paddle import Tensor

    from deepmd_dp.environment.environment import Environment


def energy_and_gradient(
    model: Any, env: Environment, fparam: Tensor | None, aparam: Tensor | None, *, create_graph: bool = False
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Atomic energies (nframes, nloc, 1) [eV] and g = dE/d(edge_vec), block by block [eV/Å].

    With `create_graph` both can be differentiated again, as the loss of the forces needs it.
    """
    for vec in env.edge_vec:
        vec.stop_gradient = False
    energy = model(env, fparam, aparam)
    gradient = paddle.grad(energy.sum(), list(env.edge_vec), create_graph=create_graph)
    return (energy if create_graph else energy.detach()), tuple(gradient)


def gradients_by(parameters: dict[str, Tensor], loss: Tensor, env: Environment) -> dict[str, Tensor]:
    """Derivatives of the loss, of the energies and gradients above, by those parameters that it depends on.

    Those by the displacements are asked for and dropped: where paddle.grad may leave them out, the kernel of the
    second derivative of x / y writes to memory that is not there (paddle 3.3.1, DivideDoubleGradKernel).
    """
    inputs = [*parameters.values(), *(vec for vec in env.edge_vec if not vec.stop_gradient)]
    with fixed_displacements():
        found = paddle.grad(loss, inputs, allow_unused=True)[: len(parameters)]
    return {path: each for path, each in zip(parameters, found, strict=True) if each is not None}


def _scatter_add(values: Tensor, index: Tensor, size: Any) -> Tensor:
    """See `ops.scatter_add`; empty slots go to a row that is cut off."""
    nframes, _, width = namespace.shape(values)
    rows = paddle.where(index < 0, paddle.full_like(index, 0) + size, index)
    rows = rows + (paddle.arange(nframes) * (size + 1))[:, None]
    out = paddle.zeros([nframes * (size + 1), width], values.dtype)
    out = paddle.index_add(out, paddle.reshape(rows, [-1]), 0, paddle.reshape(values, [-1, width]))
    return paddle.reshape(out, [nframes, size + 1, width])[:, :size]


ops.override("scatter_add", namespace, _scatter_add)
