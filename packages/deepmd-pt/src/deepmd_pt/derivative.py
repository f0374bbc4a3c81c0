# SPDX-License-Identifier: LGPL-3.0-or-later
"""The one derivative that torch is asked for: of scalars by the displacements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from deepmd_dp.model.evaluate import Function, Vectors


def derivative(
    function: Function, edge_vec: Vectors, *, create_graph: bool = False
) -> tuple[dict[str, torch.Tensor], list[Vectors]]:
    """See `deepmd_dp.model.evaluate.Derivative`.

    All scalars share one forward pass, each has a backward pass of its own. With `create_graph` values and derivatives
    can be differentiated again, as the loss of the forces needs it. Within another call it always is so, and the
    displacements are that call's: they stay in its graph.
    """
    is_inner = any(vec.requires_grad for vec in edge_vec)
    create_graph = create_graph or is_inner
    inputs = tuple(vec if is_inner else vec.detach().requires_grad_() for vec in edge_vec)
    with torch.enable_grad():
        values, scalars = function(inputs)
    gradients = []
    for number, scalar in enumerate(scalars, start=1):
        keep = create_graph or number < len(scalars)
        gradients.append(_gradient(scalar, inputs, create_graph=create_graph, retain_graph=keep))
    if not create_graph:
        values = {name: array.detach() for name, array in values.items()}
    return values, gradients


def _gradient(scalar: torch.Tensor, inputs: Vectors, *, create_graph: bool, retain_graph: bool) -> Vectors:
    """Derivatives of a scalar, zeros where it depends on none."""
    if not scalar.requires_grad:
        return tuple(torch.zeros_like(vec) for vec in inputs)
    return torch.autograd.grad(
        scalar, inputs, create_graph=create_graph, retain_graph=retain_graph, allow_unused=True, materialize_grads=True
    )
