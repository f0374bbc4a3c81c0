# SPDX-License-Identifier: LGPL-3.0-or-later
"""Means of metrics: over validation batches, and over the steps between two rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepmd.data import TrainingData
    from deepmd.train.trainer import Trainer


class Average:
    """Weighted mean of dicts of metrics."""

    def __init__(self, state: dict[str, Any] | None = None) -> None:
        self._weight = state["weight"] if state else 0.0
        self._sums: dict[str, float] = dict(state["sums"]) if state else {}

    def add(self, metrics: dict[str, float], weight: float = 1.0) -> None:
        self._weight += weight
        for key, value in metrics.items():
            self._sums[key] = self._sums.get(key, 0.0) + weight * value

    def take(self) -> dict[str, float]:
        """The mean since the last call."""
        mean = {key: value / self._weight for key, value in self._sums.items()}
        self._weight, self._sums = 0.0, {}
        return mean

    def state(self) -> dict[str, Any]:
        return {"weight": self._weight, "sums": dict(self._sums)}


def validate(trainer: Trainer, data: TrainingData, nbatches: int, lr: float) -> dict[str, float]:
    """Mean metrics of the next batches of the validation data, each weighted by its number of real atoms."""
    average = Average()
    for _ in range(nbatches):
        batch = data.draw()
        average.add(trainer.evaluate(trainer.prepare(batch), lr), weight=int((batch.atype >= 0).sum()))
    return average.take()
