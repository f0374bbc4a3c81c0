# SPDX-License-Identifier: LGPL-3.0-or-later
"""The one derivative that MLX is asked for: of scalars by the displacements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlx.core as mx

from deepmd_mlx import namespace  # noqa: F401  the models run on MLX's arrays

if TYPE_CHECKING:
    from deepmd_dp.model.evaluate import Function, Vectors


def derivative(function: Function, edge_vec: Vectors) -> tuple[dict[str, mx.array], list[Vectors]]:
    """See `deepmd_dp.model.evaluate.Derivative`; values and derivatives can be differentiated again."""
    names: list[str] = []

    def outputs(*vectors: mx.array) -> list[mx.array]:
        values, scalars = function(vectors)
        names[:] = values
        return [*values.values(), *scalars]

    found = outputs(*edge_vec)
    gradients = []
    for k in range(len(names), len(found)):
        # MLX's vjp runs the function: each scalar has a forward pass of its own
        start = [mx.ones_like(each) if j == k else mx.zeros_like(each) for j, each in enumerate(found)]
        found, gradient = mx.vjp(outputs, list(edge_vec), start)
        gradients.append(tuple(gradient))
    return dict(zip(names, found, strict=False)), gradients
