# SPDX-License-Identifier: LGPL-3.0-or-later
"""The gradient of the loss by the parameters, second derivatives of the energy among it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from deepmd_dp.conformance.cases import Case
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.conformance.parts import Part
from deepmd_dp.conformance.training import (
    GRADIENT_FRAMES,
    LEARNING_RATE,
    config_of,
    gradient,
    make_batch,
    numpy_loss,
    trained_leaves,
)
from deepmd_dp.dialect.module import with_leaves
from deepmd_dp.model import deserialize_model

STEP = 1e-5
TOLERANCE = 1e-6  # of central differences with this step, relative to the gradient's length times the direction's


class GradientTests(Part):
    """The backend's gradient against finite differences of NumPy's loss."""

    def parameters(self) -> dict[str, list[Any]]:
        return super().parameters() | {"gradient_case": list(self.gradient_cases)}

    def test_gradient(self, gradient_case: Case) -> None:
        case = gradient_case
        mine, direction = gradient(case, self.flag), _direction(case)
        expected = sum(np.sum(mine[path] * direction[path]) for path in direction)
        scale = _norm(mine) * _norm(direction)
        assert scale > 1e-3
        assert abs(_slope(case) - expected) < TOLERANCE * scale


@cache
def _direction(case: Case) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(13)
    return {path: rng.normal(size=array.shape) for path, array in trained_leaves(random_document(case)).items()}


@cache
def _slope(case: Case) -> float:
    """The derivative of NumPy's loss along the direction, by finite differences."""
    document, config, batch = random_document(case), config_of(case), make_batch(case, GRADIENT_FRAMES)
    model, start, direction = deserialize_model(document["model"]), trained_leaves(document), _direction(case)

    def loss(step: float) -> float:
        moved = {path: array + step * direction[path] for path, array in start.items()}
        return numpy_loss(config, with_leaves(model, moved), batch, LEARNING_RATE)["loss"]

    return (loss(STEP) - loss(-STEP)) / (2 * STEP)


def _norm(arrays: dict[str, np.ndarray]) -> float:
    return float(np.sqrt(sum(np.sum(array**2) for array in arrays.values())))
