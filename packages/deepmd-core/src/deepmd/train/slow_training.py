# SPDX-License-Identifier: LGPL-3.0-or-later
"""What is said of a slow training before its lines come, which may take hours."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from deepmd.train.rows import short_time

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

log = logging.getLogger(__name__)

SECONDS = 30.0
"""So long nothing need be said."""


class SlowTraining:
    """Says once that the first step takes long, and once how long a training takes whose lines are rare.

    Used as a context around the steps.

    Parameters
    ----------
    stop : int
        Number of the last step.
    next_row : callable
        Number of a step to that of the next one with a line; None where there is none.
    """

    def __init__(self, stop: int, next_row: Callable[[int], int | None]) -> None:
        self._stop, self._next_row = stop, next_row
        self._first: tuple[int, float] | None = None  # step and time from which on others are counted
        self._has_said = False
        self._timer = threading.Timer(SECONDS, _say_first_step)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()

    def advance(self, step: int, has_row: bool) -> None:
        """This step is done, and a line was shown of it or not; cheap.

        The first one is not counted, since frameworks may compile in it.
        """
        if self._has_said:
            return
        now = time.monotonic()
        if self._first is None:
            self._timer.cancel()
            self._first = step, now
        elif has_row:
            # from the second line on they tell themselves
            self._has_said = True
        elif now - self._first[1] > SECONDS and step < self._stop:
            self._has_said = True
            _say_rate((now - self._first[1]) / (step - self._first[0]), step, self._next_row(step), self._stop)


def _say_first_step() -> None:
    log.info("the first step has taken %.0f s so far; where it compiles the next ones are faster.", SECONDS)


def _say_rate(seconds: float, step: int, row: int | None, stop: int) -> None:
    ends = [*([(row, "the next line")] if row is not None and row < stop else []), (stop, "the end")]
    text = "; ".join(f"step {number:,}, {what}, in {_time((number - step) * seconds)}" for number, what in ends)
    log.info("step %d is done, %.3g s per step: %s.", step, seconds, text)


def _time(seconds: float) -> str:
    return short_time(timedelta(seconds=round(seconds)))
