# SPDX-License-Identifier: LGPL-3.0-or-later
"""Evaluation by NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd.contract import read_document
from deepmd_dp.dialect.array import Array, Shaped
from deepmd_dp.kit.deep_eval import BaseDeepEval
from deepmd_dp.model.evaluate import Function, Outputs, Vectors
from deepmd_dp.numpy_backend.derivative import derivative

if TYPE_CHECKING:
    from deepmd.aliases import Document


class NumpyDeepEval(BaseDeepEval):
    """A `.dp`, `.yaml` or `.safetensors` file, evaluated by NumPy, forces and virials included."""

    def read_document(self, path: str) -> Document:
        return read_document(path)

    def from_numpy(self, array: Shaped[np.ndarray, "*axes"]) -> Shaped[np.ndarray, "*axes"]:
        return array

    def to_numpy(self, array: Shaped[Array, "*axes"]) -> Shaped[np.ndarray, "*axes"]:
        return np.asarray(array)

    def derivative(self, function: Function, edge_vec: Vectors) -> tuple[Outputs, list[Vectors]]:
        return derivative(function, edge_vec)
