# SPDX-License-Identifier: LGPL-3.0-or-later
"""Means of metrics: over validation batches, and over the steps between two rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from deepmd.errors import TrainingError

if TYPE_CHECKING:
    from deepmd.data import TrainingData
    from deepmd.train.trainer import Trainer


class Average:
    """Weighted mean of dicts of metrics.

    A metric that is NaN beside a finite loss is one whose labels the batch lacks: it does not count.
    """

    def __init__(self, state: dict[str, Any] | None = None) -> None:
        self._weights: dict[str, float] = dict(state["weights"]) if state else {}
        self._sums: dict[str, float] = dict(state["sums"]) if state else {}

    def add(self, metrics: dict[str, float], weight: float = 1.0) -> None:
        """Takes the metrics of one batch in."""
        has_loss = math.isfinite(metrics.get("loss", math.nan))
        for key, value in metrics.items():
            counts = not (has_loss and math.isnan(value))
            self._sums[key] = self._sums.get(key, 0.0) + (weight * value if counts else 0.0)
            self._weights[key] = self._weights.get(key, 0.0) + weight * counts

    def take(self) -> dict[str, float]:
        """The mean since the last call; NaN where nothing counted."""
        mean = {
            key: value / self._weights[key] if self._weights[key] else math.nan for key, value in self._sums.items()
        }
        self._weights, self._sums = {}, {}
        return mean

    def state(self) -> dict[str, Any]:
        """Plain numbers, to go on from."""
        return {"weights": dict(self._weights), "sums": dict(self._sums)}


def validate(trainer: Trainer, data: TrainingData, nbatches: int, lr: float) -> dict[str, float]:
    """Mean metrics of the next batches of the validation data, each weighted by its number of real atoms.

    Raises
    ------
    TrainingError
        A metric is not finite.
    """
    average = Average()
    for _ in range(nbatches):
        batch = data.draw()
        metrics = trainer.evaluate(trainer.prepare(batch), lr)
        check_finite(metrics, f"in the validation data, {data.describe(batch)}")
        average.add(without_label(metrics), weight=int((batch.atype >= 0).sum()))
    return average.take()


def check_finite(metrics: dict[str, float], where: str) -> None:
    """Refuses metrics that are not finite; NaN is allowed beside a finite loss: the data have no such labels.

    Raises
    ------
    TrainingError
        Names the metric and the place.
    """
    for name, value in metrics.items():
        has_no_label = math.isnan(value) and name not in ("loss", "rmse")
        if not math.isfinite(value) and not (has_no_label and math.isfinite(metrics["loss"])):
            raise TrainingError(
                f"the {name} is {value} {where}. Look at these data (labels, units, close atoms), or lower the "
                "learning rate."
            )


def without_label(metrics: dict[str, float]) -> dict[str, float]:
    """The metrics of a batch; where it has no label at all the ``rmse`` is NaN too, not the 0 of a loss of nothing."""
    others = [value for name, value in metrics.items() if name not in ("loss", "rmse")]
    return metrics | {"rmse": math.nan} if others and all(map(math.isnan, others)) else metrics
