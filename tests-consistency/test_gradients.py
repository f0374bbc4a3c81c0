# SPDX-License-Identifier: LGPL-3.0-or-later
"""The gradient of the loss by the parameters, second derivatives of the energy among it."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pytest
from backends import PAIRS, TRAINING_BACKENDS
from cases import CASES_DOUBLE
from comparison import assert_close
from training import LEARNING_RATE, config_of, make_batch, numpy_loss

from deepmd.train import TrainingState
from deepmd_dp.model import deserialize_model
from deepmd_dp.module import leaves, with_leaves

STEP = 1e-5
TOLERANCE = 1e-6  # of central differences with this step, relative to the gradient's length times the direction's
FRAMES = "periodic and triclinic"


@pytest.fixture(scope="module")
def gradient(models):
    """The gradient in a backend by path, zero where the optimiser has met none.

    After one step of Adam the first moment is the gradient times 1 - beta1: so it is found without a look inside.
    """

    @cache
    def compute(case, flag):
        config = config_of(case)
        trainer = TRAINING_BACKENDS[flag].trainer.from_state(config, TrainingState(models.document(case), {}))
        trainer.step(trainer.prepare(make_batch(case, FRAMES)), LEARNING_RATE)
        moments, scale = trainer.state().optimizer, 1.0 - config["optimizer"]["adam_beta1"]
        return {
            path: moments.get(f"exp_avg/{path}", np.zeros_like(array)) / scale
            for path, array in parameters(models, case).items()
        }

    return compute


def parameters(models, case) -> dict[str, np.ndarray]:
    model = deserialize_model(models.document(case)["model"])
    return {path: array for path, array, is_trained in leaves(model) if is_trained}


@pytest.mark.parametrize("flag", TRAINING_BACKENDS)
@pytest.mark.parametrize("case", CASES_DOUBLE, ids=str)
def test_finite_differences(models, gradient, case, flag):
    model = deserialize_model(models.document(case)["model"])
    start, config, batch = parameters(models, case), config_of(case), make_batch(case, FRAMES)
    rng = np.random.default_rng(13)
    direction = {path: rng.normal(size=array.shape) for path, array in start.items()}

    def loss(step: float) -> float:
        moved = {path: array + step * direction[path] for path, array in start.items()}
        return numpy_loss(config, with_leaves(model, moved), batch, LEARNING_RATE)["loss"]

    difference = (loss(STEP) - loss(-STEP)) / (2 * STEP)
    expected = sum(np.sum(gradient(case, flag)[path] * direction[path]) for path in start)
    scale = norm(gradient(case, flag)) * norm(direction)
    assert scale > 1e-3
    assert abs(difference - expected) < TOLERANCE * scale


def norm(arrays: dict[str, np.ndarray]) -> float:
    return float(np.sqrt(sum(np.sum(array**2) for array in arrays.values())))


@pytest.mark.parametrize(("flags", "case"), list(product(PAIRS, CASES_DOUBLE)), ids=str)
def test_backends_agree(gradient, case, flags):
    results, expected = (gradient(case, flag) for flag in flags)
    for path, array in results.items():
        assert_close(array, expected[path], 1e-9, path)
