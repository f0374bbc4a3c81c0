# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the training step owes to JAX: compiled once, updates of what has a gradient, other backends' state read."""

from __future__ import annotations

import numpy as np
import pytest
from models import BY_NAME, PLAIN, new_trainer

from deepmd.train import TrainingState
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.conformance.training import LEARNING_RATE, config_of, make_batch, trained_leaves
from deepmd_jax.trainer import JaxTrainer

FRAMES = "virtual atoms"
ADAMW = {"optimizer": {"type": "AdamW", "weight_decay": 0.1}}
BIAS = "fitting.nets.networks.0.layers.2.b"


def force_only() -> dict:
    return {
        "loss": config_of(PLAIN)["loss"]
        | {f"{end}_pref_{term}": 0.0 for end in ("start", "limit") for term in ("e", "v", "ae")}
    }


@pytest.fixture(scope="module")
def stepped():
    """A trainer of forces alone after a step on each of three batches of other atoms."""
    trainer = new_trainer(**ADAMW, **force_only())
    for frames in (FRAMES, "periodic and triclinic", FRAMES):
        trainer.step(trainer.prepare(make_batch(PLAIN, frames)), LEARNING_RATE)
    return trainer


def test_batches_of_nearly_equal_size_share_one_program(stepped):
    assert len(stepped._compiled_gradients.programs) == 1


def test_a_leaf_without_a_gradient_is_not_met(stepped):
    """Forces don't depend on the last bias: it has no moments and does not decay, as in PyTorch."""
    start = trained_leaves(random_document(PLAIN))
    assert np.array_equal(stepped.parameters()[BIAS], start[BIAS])
    met = {name.partition("/")[2] for name in stepped.moments()}
    assert set(start) - met == {BIAS, BIAS.replace("networks.0", "networks.1")}


def test_counts_its_steps(stepped):
    counts = {name: value for name, value in stepped.moments().items() if name.startswith("step/")}
    assert all(value.shape == () and value == 3 for value in counts.values())


def test_moments_of_another_backend_are_read():
    """PyTorch counts steps in float32."""
    path = "fitting.nets.networks.0.layers.0.w"
    size = trained_leaves(random_document(PLAIN))[path].shape
    moments = {
        f"step/{path}": np.float32(7.0),
        f"exp_avg/{path}": np.full(size, 0.5),
        f"exp_avg_sq/{path}": np.full(size, 0.25),
        "exp_avg/of.another.model": np.ones(3),
    }
    trainer = JaxTrainer.from_state(config_of(PLAIN), TrainingState(random_document(PLAIN), moments))
    read = trainer.moments()
    assert set(read) == set(moments) - {"exp_avg/of.another.model"}
    assert all(np.array_equal(read[name], moments[name]) for name in read)


def test_parameters_in_float32_stay_so():
    case = BY_NAME["se_e2_a: float32"]
    trainer = new_trainer(case, optimizer={"type": "AdamW", "weight_decay": 0.1})
    trainer.step(trainer.prepare(make_batch(case, FRAMES)), LEARNING_RATE)
    assert {array.dtype for array in trainer.parameters().values()} == {np.dtype(np.float32)}
    assert {a.dtype.name for name, a in trainer.moments().items() if "exp_avg" in name} == {"float32"}
