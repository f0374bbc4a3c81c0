# SPDX-License-Identifier: LGPL-3.0-or-later
"""Evaluation by MLX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd_dp.kit.deep_eval import BaseDeepEval
from deepmd_mlx import arrays, files
from deepmd_mlx.derivative import derivative

if TYPE_CHECKING:
    import mlx.core as mx
    import numpy as np

    from deepmd_dp.model.evaluate import Function, Vectors


class MLXDeepEval(BaseDeepEval):
    """A `.mlx` or `.mlxckpt` file, evaluated by MLX."""

    breaks_on_fork = "MLX"

    def read_document(self, path: str) -> dict:
        return files.read(path)

    def from_numpy(self, array: np.ndarray) -> mx.array:
        return arrays.from_numpy(array)

    def to_numpy(self, array: mx.array) -> np.ndarray:
        return arrays.to_numpy(array)

    def derivative(self, function: Function, edge_vec: Vectors) -> tuple[dict[str, mx.array], list[Vectors]]:
        return derivative(function, edge_vec)
