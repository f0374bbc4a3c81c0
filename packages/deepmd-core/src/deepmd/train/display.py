# SPDX-License-Identifier: LGPL-3.0-or-later
"""Telling people how a training goes: a progress bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import math
import sys
import time
from abc import ABC, abstractmethod
from collections import deque
from contextlib import suppress
from datetime import timedelta
from typing import Any

from deepmd.train.lcurve import shown_metrics

log = logging.getLogger(__name__)

REFRESH_SECONDS = 0.5


class Clock:
    """Rate and time left, from the last rows displayed.

    Parameters
    ----------
    total : int
        Number of the last step.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._marks: deque[tuple[int, float]] = deque(maxlen=10)

    def mark(self, step: int, now: float | None = None) -> tuple[float, timedelta] | None:
        """Rate [steps/s] and time left after this step; None as long as there is one mark only."""
        self._marks.append((step, time.monotonic() if now is None else now))
        (first, start), (last, end) = self._marks[0], self._marks[-1]
        if last == first or end <= start:
            return None
        rate = (last - first) / (end - start)
        return rate, timedelta(seconds=round((self.total - step) / rate))


class Display(ABC):
    """Shows the progress of a training; used as a context."""

    @abstractmethod
    def __enter__(self) -> Display: ...

    @abstractmethod
    def __exit__(self, *error: object) -> None: ...

    @abstractmethod
    def advance(self, step: int) -> None:
        """So many steps are done; called after each step, so it must be cheap."""

    @abstractmethod
    def row(self, step: int, train: dict[str, float], valid: dict[str, float], lr: float) -> None:
        """Shows the metrics of a step."""


class PlainDisplay(Display):
    """A line per row."""

    def __init__(self, total: int, show_time: bool = True) -> None:
        self._clock = Clock(total)
        self._show_time = show_time

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def advance(self, step: int) -> None:
        pass

    def row(self, step: int, train: dict[str, float], valid: dict[str, float], lr: float) -> None:
        timing = self._clock.mark(step) if self._show_time else None
        end = f"; {timing[0]:.1f} steps/s, eta {timing[1]}" if timing else ""
        log.info("batch %d: %s%s", step, format_metrics(train, valid, lr), end)


class TerminalDisplay(Display):
    """The same lines above a progress bar; log messages go above it too.

    A terminal that has gone, as after a lost connection, is no reason to lose a training: the bar is not drawn then.
    """

    def __init__(self, start: int, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            refresh_per_second=1 / REFRESH_SECONDS,
            transient=True,
        )
        self._task = self._progress.add_task("training", total=total, completed=start, rate="")
        self._clock = Clock(total)
        self._refreshed = 0.0
        self._handlers: list[logging.StreamHandler[Any]] = []

    def __enter__(self) -> Display:
        terminal = sys.stderr
        self._progress.start()
        # the bar replaces sys.stderr by a stream that prints above it, which handlers made earlier do not see
        handlers = [h for h in logging.getLogger().handlers if isinstance(h, logging.StreamHandler)]
        self._handlers = [h for h in handlers if h.stream is terminal]
        for handler in self._handlers:
            handler.setStream(sys.stderr)
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(OSError):
            self._progress.stop()
        for handler in self._handlers:
            handler.setStream(sys.stderr)

    def advance(self, step: int) -> None:
        now = time.monotonic()
        if now - self._refreshed > REFRESH_SECONDS:
            self._refreshed = now
            self._update(completed=step)

    def row(self, step: int, train: dict[str, float], valid: dict[str, float], lr: float) -> None:
        timing = self._clock.mark(step)
        if timing:
            self._update(completed=step, rate=f"{timing[0]:.1f} steps/s")
        log.info("batch %d: %s", step, format_metrics(train, valid, lr))

    def _update(self, **values: Any) -> None:
        with suppress(OSError):
            self._progress.update(self._task, **values)


def make_display(start: int, total: int, show_time: bool = True, terminal: bool | None = None) -> Display:
    """The display that fits: a progress bar where standard error is a terminal (or ``terminal`` says so)."""
    if sys.stderr.isatty() if terminal is None else terminal:
        return TerminalDisplay(start, total)
    return PlainDisplay(total, show_time)


def format_metrics(train: dict[str, float], valid: dict[str, float], lr: float) -> str:
    """``trn: rmse = 1.23e+00, ...; val: rmse = ...; lr = 1.0e-03``."""
    parts = [f"{name}: {_join(metrics)}" for name, metrics in (("trn", train), ("val", valid)) if metrics]
    return "; ".join([*parts, f"lr = {lr:.2e}"])


def _join(metrics: dict[str, float]) -> str:
    """Those that there are: of what the data have no labels, which is said once, there is nothing to show."""
    found = shown_metrics(metrics).items()
    return ", ".join(f"{key} = {value:.2e}" for key, value in found if not math.isnan(value))
