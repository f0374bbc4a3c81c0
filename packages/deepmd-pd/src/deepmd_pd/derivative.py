# SPDX-License-Identifier: LGPL-3.0-or-later
"""The one derivative that paddle is asked for: of scalars by the displacements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd_dp.model.evaluate import edge_vectors
from deepmd_pd.framework import paddle
from deepmd_pd.moments import fixed_displacements

if TYPE_CHECKING:
    from paddle import Tensor

    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.model.evaluate import Function, Vectors


def derivative(
    function: Function, edge_vec: Vectors, *, create_graph: bool = False
) -> tuple[dict[str, Tensor], list[Vectors]]:
    """See `deepmd_dp.model.evaluate.Derivative`; runs eagerly or recorded into a graph.

    With `create_graph` values and derivatives can be differentiated again, as the loss of the forces needs it.
    """
    for vec in edge_vec:
        vec.stop_gradient = False
    values, scalars = function(edge_vec)
    gradients = [
        _by_displacements(scalar, edge_vec, create_graph=create_graph, is_last=number == len(scalars))
        for number, scalar in enumerate(scalars, start=1)
    ]
    if not create_graph:
        values = {name: array.detach() for name, array in values.items()}
    return values, gradients


def _by_displacements(scalar: Tensor, edge_vec: Vectors, *, create_graph: bool, is_last: bool) -> Vectors:
    if scalar.stop_gradient:
        return tuple(paddle.zeros_like(vec) for vec in edge_vec)
    found = paddle.grad(
        scalar, list(edge_vec), retain_graph=create_graph or not is_last, create_graph=create_graph, allow_unused=True
    )
    return tuple(paddle.zeros_like(vec) if g is None else g for vec, g in zip(edge_vec, found, strict=True))


def gradients_by(parameters: dict[str, Tensor], loss: Tensor, env: Environment) -> dict[str, Tensor]:
    """Derivatives of the loss, of the values and derivatives above, by those parameters that it depends on.

    Those by the displacements are asked for and dropped: where paddle.grad may leave them out, the kernel of the
    second derivative of x / y writes to memory that is not there (paddle 3.3.1, DivideDoubleGradKernel).
    """
    inputs = [*parameters.values(), *(vec for vec in edge_vectors(env) if not vec.stop_gradient)]
    with fixed_displacements():
        found = paddle.grad(loss, inputs, allow_unused=True)[: len(parameters)]
    return {path: each for path, each in zip(parameters, found, strict=True) if each is not None}
