# SPDX-License-Identifier: LGPL-3.0-or-later
"""Trainings on Hessians: the same loss and the same gradient in every backend, those of finite differences."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from backends import TRAINING

from deepmd.backend.discovery import find_backend
from deepmd.data import Batch
from deepmd.errors import BackendError
from deepmd.train import TrainingState
from deepmd_dp.conformance.cases import row
from deepmd_dp.conformance.documents import full_input, random_document
from deepmd_dp.conformance.training import trained_leaves
from deepmd_dp.dialect.module import with_leaves
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.loss import new_loss
from deepmd_dp.model import deserialize_model
from deepmd_dp.model.hessian import evaluate_with_hessian
from deepmd_dp.numpy_backend.derivative import derivative

NATOMS, LR = 2, 1e-3
CASE = row("se_e2_a", "for Hessians", neuron=[2, 4], fitting={"neuron": [3, 3]})
LOSS = {f"{end}_pref_{term}": size for end in ("start", "limit") for term, size in (("e", 0.1), ("f", 1.0), ("h", 2.0))}
CONFIG = full_input(CASE, loss=LOSS)
COORD = np.array([[[0.0, 0.0, 0.0], [1.0, 0.1, 0.2]], [[0.0, 0.2, 0.0], [1.1, 0.0, 2.5]]])


def batch():
    """Two frames of two atoms, once within the switch."""
    rng = np.random.default_rng(4)
    sizes = {"energy": (2, 1), "force": (2, NATOMS, 3), "hessian": (2, NATOMS, 9 * NATOMS), "virial": (2, 9)}
    labels = {name: rng.normal(size=size) for name, size in sizes.items()}
    types = np.array([[0, 1], [0, 1]])
    return Batch(COORD, None, types, labels, dict.fromkeys(labels, True), system="", frames=np.arange(2))


def numpy_loss(changes):
    """The loss of the case's model with changed parameters, and its metrics."""
    model = with_leaves(deserialize_model(random_document(CASE)["model"]), changes)
    given = batch()
    env = build_environment(model, given.coord, None, given.atype)
    prediction = evaluate_with_hessian(model, env, None, None, derivative, NATOMS)
    prediction["mask"] = model.mask(env, prediction["atom_energy"])
    value, metrics = new_loss(CONFIG["loss"], LR, model.outputs)(prediction, given.labels, given.found, LR)
    return {"loss": float(value), **{name: float(each) for name, each in metrics.items()}}


@cache
def slope():
    """A direction in the space of parameters, and the loss's derivative along it."""
    leaves = trained_leaves(random_document(CASE))
    rng = np.random.default_rng(8)
    direction = {path: rng.normal(size=array.shape) for path, array in leaves.items()}
    step = 1e-5
    ends = [
        numpy_loss({path: array + sign * step * direction[path] for path, array in leaves.items()})["loss"]
        for sign in (1.0, -1.0)
    ]
    return direction, (ends[0] - ends[1]) / (2 * step)


# Paddle refuses
@pytest.mark.parametrize("flag", [flag for flag in TRAINING if flag != "pd"])
def test_loss_and_gradient(flag):
    trainer = find_backend(flag).trainer.from_state(CONFIG, TrainingState(random_document(CASE), {}))
    metrics = trainer.step(trainer.prepare(batch()), LR)
    for name, expected in numpy_loss({}).items():
        assert metrics[name] == pytest.approx(expected, rel=1e-10), name
    moments, scale = trainer.state().optimizer, 1.0 - CONFIG["optimizer"]["adam_beta1"]
    direction, expected = slope()
    along = sum(np.sum(moments[f"exp_avg/{path}"] * each) for path, each in direction.items()) / scale
    assert along == pytest.approx(expected, rel=1e-6)
    assert trainer.state().model["model_def_script"]["hessian_mode"] is True


def test_paddle_says_that_it_can_not():
    if "pd" not in TRAINING:
        pytest.skip("paddle is not installed")
    with pytest.raises(BackendError, match="Paddle has no third derivatives"):
        find_backend("pd").trainer.from_state(CONFIG, TrainingState(random_document(CASE), {}))
