# SPDX-License-Identifier: LGPL-3.0-or-later
"""The same input gives the same first losses in every backend that trains, and those of NumPy."""

from __future__ import annotations

from itertools import product

import pytest
from backends import PAIRS, TRAINING_BACKENDS
from cases import CASES
from comparison import DOUBLE, SINGLE, assert_close
from test_conversion import assert_same_tree
from training import LEARNING_RATE, config_of, make_batch, numpy_loss

from deepmd_dp.model import deserialize_model

CHOSEN = [case for case in CASES if case.name.endswith(("plain", "float32", "parameters"))]
NSTEPS = 4


def batches(case) -> list:
    return [make_batch(case, frames) for frames in ("periodic and triclinic", "virtual atoms")]


def new_trainer(case, flag):
    """A trainer from the input alone: first weights by the seed, statistics of the batches."""
    return TRAINING_BACKENDS[flag].trainer.from_input(config_of(case), lambda: iter(batches(case)))


def train(trainer, case, nsteps: int = NSTEPS) -> list[dict[str, float]]:
    """The metrics of some steps, the batches in turn."""
    prepared = [trainer.prepare(batch) for batch in batches(case)]
    return [trainer.step(prepared[k % 2], LEARNING_RATE) for k in range(nsteps)]


@pytest.mark.parametrize("flag", TRAINING_BACKENDS)
@pytest.mark.parametrize("case", CHOSEN, ids=str)
def test_losses_are_those_of_numpy(case, flag):
    trainer, config, tolerance = new_trainer(case, flag), config_of(case), DOUBLE if case.is_double else SINGLE
    for step in range(NSTEPS):
        batch = batches(case)[step % 2]
        model = deserialize_model(trainer.state().model["model"])
        expected = numpy_loss(config, model, batch, LEARNING_RATE)
        metrics = trainer.step(trainer.prepare(batch), LEARNING_RATE)
        assert list(metrics) == ["loss", "rmse", *list(expected)[1:]]
        for name, value in expected.items():
            assert_close(metrics[name], value, tolerance, f"{name} in step {step}")


@pytest.mark.parametrize(("flags", "case"), list(product(PAIRS, CHOSEN)), ids=str)
def test_backends_start_equal(case, flags):
    """The first model to the bit, and the losses of the first steps to rounding."""
    other, one = (new_trainer(case, flag) for flag in flags)
    assert_same_tree(other.state().model["model"], one.state().model["model"])
    for mine, theirs in zip(train(other, case), train(one, case), strict=True):
        assert_close(mine["loss"], theirs["loss"], 1e-8 if case.is_double else 1e-4, "loss")


@pytest.mark.parametrize(("source", "target"), list(product(TRAINING_BACKENDS, TRAINING_BACKENDS)))
@pytest.mark.parametrize("case", [case for case in CHOSEN if case.is_double], ids=str)
def test_training_goes_on_in_another_backend(case, source, target, tmp_path):
    """By way of a checkpoint, with the optimiser's moments."""
    trainer = new_trainer(case, source)
    train(trainer, case)
    path = tmp_path / f"checkpoint{TRAINING_BACKENDS[source].checkpoint_suffix}"
    trainer.write_checkpoint(str(path), trainer.state())
    state = trainer.read_checkpoint(str(path))
    continued = train(TRAINING_BACKENDS[target].trainer.from_state(config_of(case), state), case)
    for mine, theirs in zip(continued, train(trainer, case), strict=True):
        assert_close(mine["loss"], theirs["loss"], 1e-8, "loss")
