# SPDX-License-Identifier: LGPL-3.0-or-later
"""The training loop: steps, display, learning curve, checkpoints, and an end in good order."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deepmd.errors import TrainingError
from deepmd.train.interrupt import Interrupt
from deepmd.train.prefetch import Prefetcher
from deepmd.train.slow_training import SlowTraining
from deepmd.train.validation import Average, check_finite, validate, without_label

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from pathlib import Path

    from deepmd.data import TrainingData
    from deepmd.train.checkpoint import CheckpointStore
    from deepmd.train.display import Display
    from deepmd.train.lcurve import LearningCurve
    from deepmd.train.prefetch import Prepared
    from deepmd.train.trainer import Trainer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingResult:
    """How a training ended.

    Attributes
    ----------
    step : int
        Steps done, those before a restart included.
    steps_run : int
        Steps done now.
    seconds : float
        Wall time of the loop [s].
    checkpoint : Path or None
        The newest one; None where none was written.
    signal : signal.Signals or None
        What stopped it before the end.
    """

    step: int
    steps_run: int
    seconds: float
    checkpoint: Path | None
    signal: signal.Signals | None


@dataclass
class TrainingLoop:
    """All that a training needs, and its loop.

    Attributes
    ----------
    trainer : Trainer
    data : TrainingData
        Training data, as they are after ``start`` steps.
    validation : TrainingData or None
    learning_rate : callable
        Step, from 0, to the learning rate.
    settings : dict
        The section ``training``: numbers of steps, frequencies.
    start, stop : int
        First step, counted from 0, and the number of steps in all.
    min_nbor_dist : float or None
        Smallest distance of two atoms in the data [Å]; goes into the model.
    saved : dict
        What `state` gave at the last checkpoint, when going on from one.
    """

    trainer: Trainer
    data: TrainingData
    validation: TrainingData | None
    learning_rate: Callable[[int], float]
    settings: dict[str, Any]
    store: CheckpointStore
    curve: LearningCurve
    display: Display
    start: int
    stop: int
    min_nbor_dist: float | None
    saved: dict[str, Any]

    def __post_init__(self) -> None:
        self._data_state = self.data.state()
        self._average = Average(self.saved.get("average"))
        self._checkpoint: Path | None = None

    def run(self) -> TrainingResult:
        """Trains up to the last step, or until a signal comes.

        Raises
        ------
        TrainingError
            A figure is not finite; the checkpoints so far stay, and the newest is named.
        """
        begin, done = time.monotonic(), self.start
        prefetcher = Prefetcher(self.data, self.trainer.prepare, self.stop - self.start)
        slow = SlowTraining(self.stop, self._next_display_step)
        with Interrupt() as interrupt, prefetcher, self.display, slow:
            while done < self.stop and interrupt.received is None:
                try:
                    self._step(done, prefetcher.get())
                except TrainingError as error:
                    raise TrainingError(
                        f"{error} Last checkpoint: {self._checkpoint or 'none in this run'}."
                    ) from error
                done += 1
                self.display.advance(done)
                slow.advance(done, self._is_display_step(done))
                if self._is_save_step(done):
                    self._save(done)
        seconds = time.monotonic() - begin
        # stopped by a signal, or a new training of no steps; one that had been complete before is left alone
        if self._checkpoint != self.store.path_of(done) and (done > self.start or not self.saved):
            self._save(done)
        return TrainingResult(done, done - self.start, seconds, self._checkpoint, interrupt.received)

    def state(self) -> dict[str, Any]:
        """The loop's own part of a checkpoint."""
        state = {"data": self._data_state, "average": self._average.state()}
        return state | ({"validation": self.validation.state()} if self.validation else {})

    def _step(self, step: int, batch: Prepared) -> None:
        lr = self.learning_rate(step)
        metrics = self.trainer.step(batch.content, lr)
        check_finite(metrics, f"at step {step + 1}, in {batch.where}")
        self._data_state = batch.state
        metrics = without_label(metrics)
        if self.settings.get("disp_avg", False):
            self._average.add(metrics)
        if self._is_display_step(step + 1):
            self._show(step + 1, metrics, lr)

    def _show(self, number: int, metrics: dict[str, float], lr: float) -> None:
        train = self._average.take() if self.settings.get("disp_avg", False) else metrics
        valid: dict[str, float] = {}
        if self.validation is not None:
            valid = validate(self.trainer, self.validation, self._validation_batches(), lr)
        self.curve.write(number, train, valid, lr)
        self.display.row(number, train, valid, lr)

    def _validation_batches(self) -> int:
        return int(self.settings["validation_data"].get("numb_btch", 1))

    def _is_display_step(self, number: int) -> bool:
        every = self.settings.get("disp_freq", 1000)
        return self.settings.get("disp_training", True) and (number == 1 or (every > 0 and number % every == 0))

    def _next_display_step(self, done: int) -> int | None:
        every = self.settings.get("disp_freq", 1000)
        return (done // every + 1) * every if self.settings.get("disp_training", True) and every > 0 else None

    def _is_save_step(self, number: int) -> bool:
        every = self.settings.get("save_freq", 1000)
        return number == self.stop or (every > 0 and number % every == 0)

    def _save(self, number: int) -> None:
        state = self.trainer.state()
        state.step = number
        # what the next step would take, to be told where a restart takes another
        state.loop = {**state.loop, **self.state(), "rate": self.learning_rate(number)}
        if self.min_nbor_dist is not None:
            state.model["min_nbor_dist"] = self.min_nbor_dist
        self._checkpoint = self.store.write(type(self.trainer), state)
        log.info("checkpoint written: %s", self._checkpoint)
