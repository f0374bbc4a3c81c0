# SPDX-License-Identifier: LGPL-3.0-or-later
"""What is said of a training before its first step: with what, of what size, on what, how far."""

from __future__ import annotations

import logging
import math
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from deepmd.contract.summary import model_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd.backend import Backend
    from deepmd.check import Report
    from deepmd.data import TrainingData
    from deepmd.train.trainer import Trainer

log = logging.getLogger(__name__)

SHOWN = 4
"""Compositions named; of the others their number."""


def say_header(
    trainer: Trainer,
    backend: Backend,
    data: TrainingData,
    report: Report | None,
    rate: Callable[[int], float],
    steps: tuple[int, int],
    saved: dict[str, Any],
) -> None:
    """Logs it.

    Parameters
    ----------
    report : Report or None
        What the checks of the data found, where they were made.
    rate : callable
        Step, from 0, to the learning rate.
    steps : tuple of int
        Steps done before, and in all.
    saved : dict
        The loop's part of the checkpoint that is gone on from; empty for a new training.
    """
    framework = f"{backend.framework} {backend.framework_version()}"
    log.info("%s, %s, %s, on %s.", _version("deepmd-core"), _version(backend.distribution), framework, trainer.device)
    sizes = model_size(trainer.state().model["model"])
    parts = [f"{name} {size:,}" for name, size in sizes.items() if size and name != "total"]
    log.info("parameters: %s.", ", ".join([*parts, f"in all {sizes['total']:,}"]))
    log.info("compositions: %s.", _compositions(data))
    if report is not None and report.fit is not None:
        log.info("energies: rms %.2e eV/atom about a fit by composition.", report.fit.rms)
    _say_steps(rate, *steps, saved)


def _say_steps(rate: Callable[[int], float], start: int, stop: int, saved: dict[str, Any]) -> None:
    before = f"going on after step {start:,}: " if start else ""
    if start < stop:
        log.info("%ssteps %d to %d, learning rate %.2e to %.2e.", before, start + 1, stop, rate(start), rate(stop - 1))
    planned = saved.get("rate", math.nan)
    if not (math.isnan(planned) or math.isclose(planned, rate(start), rel_tol=1e-9)):
        log.warning(
            "the schedule has changed: step %d takes the learning rate %.2e, where the training before would have "
            "taken %.2e.",
            start + 1,
            rate(start),
            planned,
        )


def _version(distribution: str) -> str:
    try:
        return f"{distribution} {version(distribution)}"
    except PackageNotFoundError:
        return distribution


def _compositions(data: TrainingData) -> str:
    """``67 frames, 64 of H2O, 3 of CH4 and 2 other compositions``, the most frequent first."""
    counts: Counter[str] = Counter()
    for system in data.systems:
        counts.update(system.compositions())
    shown = [f"{count:,} of {formula}" for formula, count in counts.most_common(SHOWN)]
    left = len(counts) - len(shown)
    if len(counts) == 1:
        return f"{shown[0].replace(' of ', ' frames of ')}"
    return f"{counts.total():,} frames, " + ", ".join(shown) + (f" and {left} other compositions" if left else "")
