# SPDX-License-Identifier: LGPL-3.0-or-later
"""The one derivative that paddle is asked for: of the energy by the displacements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd_pd.framework import paddle
from deepmd_pd.moments import fixed_displacements

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
