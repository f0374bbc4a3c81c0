# SPDX-License-Identifier: LGPL-3.0-or-later
"""The first steps of a training: losses are those of NumPy, a checkpoint goes on as if nothing had been."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from deepmd.contract import walk_arrays
from deepmd_dp.conformance.cases import TRAINING_CASES, Case
from deepmd_dp.conformance.comparison import DOUBLE, SINGLE, assert_close, assert_same_arrays, assert_same_tree
from deepmd_dp.conformance.parts import Part
from deepmd_dp.conformance.runs import MIDDLE, restart, run
from deepmd_dp.conformance.training import (
    LEARNING_RATE,
    batches,
    config_of,
    new_trainer,
    numpy_loss,
    train,
    trained_leaves,
)
from deepmd_dp.model import deserialize_model

if TYPE_CHECKING:
    from pathlib import Path

    from deepmd.train import Trainer

PLAIN = TRAINING_CASES[0]


class FirstStepTests(Part):
    """The first steps of each model."""

    def parameters(self) -> dict[str, list[Any]]:
        restarted = [case for case in self.restart_cases or self.training_cases if case.is_double]
        return super().parameters() | {"training_case": list(self.training_cases), "restart_case": restarted}

    def test_losses_are_those_of_numpy(self, training_case: Case) -> None:
        case = training_case
        config, mine = config_of(case), run(case, self.flag)
        for step, state in enumerate(mine.states[:-1]):
            model, metrics = deserialize_model(state.model["model"]), mine.metrics[step]
            expected = numpy_loss(config, model, batches(case)[step % 2], LEARNING_RATE)
            assert set(metrics) == {"rmse", *expected}
            for name, value in expected.items():
                assert_close(metrics[name], value, DOUBLE if case.is_double else SINGLE, f"{name} in step {step}")

    def test_restart_follows_the_uninterrupted_training(self, restart_case: Case, tmp_path: Path) -> None:
        """By way of a checkpoint, with the optimiser's moments."""
        continued = restart(restart_case, self.flag, self.flag, tmp_path)
        assert_close(continued, run(restart_case, self.flag).losses[MIDDLE:], 1e-12, "losses")


class TrainingStepTests(Part):
    """Steps, evaluation, state and checkpoints of the backend's trainer."""

    def test_checkpoint_holds_all(self, tmp_path: Path) -> None:
        state = copy(run(PLAIN, self.flag).states[MIDDLE])
        state.step, state.loop = MIDDLE, {"data": {"seed": 3, "position": [1, 2.5]}, "best": None, "name": "α"}
        path = str(tmp_path / f"model.ckpt-4{self.backend.checkpoint_suffix}")
        self.backend.trainer.write_checkpoint(path, state)
        read = self.backend.trainer.read_checkpoint(path)
        assert (read.step, read.loop) == (state.step, state.loop)
        assert read.model["model_def_script"] == state.model["model_def_script"]
        assert_same_tree(read.model["model"], state.model["model"])
        assert_same_arrays(read.optimizer, state.optimizer)

    def test_moments_are_named_by_the_parameters(self) -> None:
        state = run(PLAIN, self.flag).states[MIDDLE]
        shapes = {path: array.shape for path, array in trained_leaves(state.model).items()}
        expected = {f"step/{path}": () for path in shapes}
        expected |= {f"{slot}/{path}": shape for slot in ("exp_avg", "exp_avg_sq") for path, shape in shapes.items()}
        assert {name: array.shape for name, array in state.optimizer.items()} == expected
        assert all(state.optimizer[f"step/{path}"] == MIDDLE for path in shapes)

    def test_state_is_a_copy(self) -> None:
        trainer = _trainer(self.flag)
        state, before = trainer.state(), _arrays(trainer)
        train(trainer, PLAIN, range(2))
        assert_same_arrays({**trained_leaves(state.model), **state.optimizer}, before)

    def test_evaluation_gives_the_metrics_of_the_next_step(self) -> None:
        trainer = _trainer(self.flag)
        before, prepared = _arrays(trainer), trainer.prepare(batches(PLAIN)[0])
        evaluated = trainer.evaluate(prepared, LEARNING_RATE)
        assert_same_arrays(_arrays(trainer), before)
        stepped = trainer.step(prepared, LEARNING_RATE)
        assert list(evaluated) == list(stepped)
        assert evaluated == pytest.approx(stepped, rel=1e-10)

    def test_atoms_may_come_nearer_than_in_the_batches_before(self) -> None:
        """Bases of the nets reach as near as the batches do: losses are those of NumPy, whose bases reach further."""
        trainer = _trainer(self.flag)
        batch, model = batches(PLAIN)[0], deserialize_model(trainer.state().model["model"])
        assert batch.box is not None, "its frames are periodic"
        for factor in (1.5, 0.6):
            scaled = replace(batch, coord=factor * batch.coord, box=factor * batch.box, system=f"scaled by {factor}")
            found = trainer.evaluate(trainer.prepare(scaled), LEARNING_RATE)["loss"]
            assert_close(found, numpy_loss(config_of(PLAIN), model, scaled, LEARNING_RATE)["loss"], DOUBLE, f"{factor}")

    def test_loss_that_is_not_finite_changes_nothing(self) -> None:
        trainer = _trainer(self.flag)
        before, batch = _arrays(trainer), batches(PLAIN)[0]
        batch.labels["energy"][0] = np.nan
        assert np.isnan(trainer.step(trainer.prepare(batch), LEARNING_RATE)["loss"])
        assert_same_arrays(_arrays(trainer), before)

    @pytest.mark.parametrize(("part", "rest"), [("descriptor", "fitting"), ("fitting_net", "descriptor")])
    def test_part_that_is_not_trained_stays(self, part: str, rest: str) -> None:
        config = config_of(PLAIN)
        config["model"][part]["trainable"] = False
        trainer = new_trainer(PLAIN, self.flag, config)
        before = dict(walk_arrays(trainer.state().model["model"]))
        train(trainer, PLAIN, range(2))
        after = dict(walk_arrays(trainer.state().model["model"]))
        assert {path.partition(".")[0] for path in before if not np.array_equal(before[path], after[path])} == {rest}

    @pytest.mark.parametrize(("part", "rest"), [("descriptor", "fitting"), ("fitting_net", "descriptor")])
    def test_what_is_trained_is_the_inputs_choice_after_a_restart_too(self, part: str, rest: str) -> None:
        state, config = run(PLAIN, self.flag).states[MIDDLE], config_of(PLAIN)
        config["model"][part]["trainable"] = False
        trainer = self.backend.trainer.from_state(config, state)
        assert trainer.state().loop == state.loop != {}, "others would give other numbers in rounding"
        before = dict(walk_arrays(trainer.state().model["model"]))
        train(trainer, PLAIN, range(2))
        after = dict(walk_arrays(trainer.state().model["model"]))
        assert {path.partition(".")[0] for path in before if not np.array_equal(before[path], after[path])} == {rest}
        again = self.backend.trainer.from_state(config_of(PLAIN), trainer.state())
        train(again, PLAIN, range(2))
        assert {name.partition("/")[2].partition(".")[0] for name in again.state().optimizer} == {
            "descriptor",
            "fitting",
        }


@cache
def _trainer(flag: str) -> Trainer:
    """One that has done a step; tests go on with it, wherever it is."""
    trainer = new_trainer(PLAIN, flag)
    train(trainer, PLAIN, range(1))
    return trainer


def _arrays(trainer: Trainer) -> dict[str, np.ndarray]:
    """Copies of the trained arrays by path, and of the optimiser's."""
    state = trainer.state()
    return {name: np.array(array) for name, array in {**trained_leaves(state.model), **state.optimizer}.items()}
