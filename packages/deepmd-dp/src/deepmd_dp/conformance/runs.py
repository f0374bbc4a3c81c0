# SPDX-License-Identifier: LGPL-3.0-or-later
"""Trainings of the same input in every backend, each run once and looked at by many tests."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from deepmd.backend.discovery import get_backend
from deepmd_dp.conformance.cases import TRAINING_CASES
from deepmd_dp.conformance.training import config_of, new_trainer, train

if TYPE_CHECKING:
    from pathlib import Path

    from deepmd.train import TrainingState
    from deepmd_dp.conformance.cases import Case

LONG_CASES = [case for case in TRAINING_CASES if case.name in ("se_e2_a: plain", "se_atten: plain")]
"""Those whose learning curves are compared."""
LENGTH = 50
MIDDLE = 4
"""Steps after which a training is interrupted, and for which all states are kept."""


class Run(NamedTuple):
    """A training: the states before its first steps, the last one after `MIDDLE` steps; the metrics of all steps."""

    states: list[TrainingState]
    metrics: list[dict[str, float]]

    @property
    def losses(self) -> list[float]:
        """The losses of all steps."""
        return [metrics["loss"] for metrics in self.metrics]


@cache
def run(case: Case, flag: str) -> Run:
    """As many steps as the tests of the case need."""
    trainer = new_trainer(case, flag)
    states, metrics = [trainer.state()], []
    for step in range(MIDDLE):
        metrics += train(trainer, case, range(step, step + 1))
        states.append(trainer.state())
    end = LENGTH if case in LONG_CASES else 2 * MIDDLE
    return Run(states, metrics + train(trainer, case, range(MIDDLE, end)))


def restart(case: Case, source: str, target: str, folder: Path) -> list[float]:
    """The losses after `MIDDLE` steps where a backend goes on from another's, or its own, checkpoint."""
    backend, before = get_backend(source), run(case, source)
    path = str(folder / f"model.ckpt{backend.checkpoint_suffix}")
    backend.trainer.write_checkpoint(path, before.states[MIDDLE])
    state = backend.trainer.read_checkpoint(path)
    trainer = get_backend(target).trainer.from_state(config_of(case), state)
    return [metrics["loss"] for metrics in train(trainer, case, range(MIDDLE, len(before.metrics)))]
