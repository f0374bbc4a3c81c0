# SPDX-License-Identifier: LGPL-3.0-or-later
"""The lines that are shown of a training: aligned, within 80 columns, with names and units once above them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from deepmd.train.lcurve import shown_metrics

if TYPE_CHECKING:
    from datetime import timedelta

WIDTH = 80
UNITS = {"e": "eV/atom", "f": "eV/Å", "v": "eV/atom", "ae": "eV", "pf": "eV/Å"}
"""Of the metrics of a potential, by what stands behind ``rmse_`` or ``mae_``."""
SMALLEST_COLUMN = 9
TIMES = f"{'steps/s':>9}{'left':>9}"


class Rows:
    """Makes the lines.

    Parameters
    ----------
    show_time : bool
        Whether speed and time left are shown, where there is room for them.
    """

    def __init__(self, show_time: bool = True) -> None:
        self._show_time = show_time
        self._names: list[str] = []

    def head(self, metrics: dict[str, float]) -> list[str]:
        """Names and units, where they are not those of the lines before."""
        names = list(shown_metrics(metrics))
        if names == self._names:
            return []
        self._names = names
        titles = f"{'batch':>8}    {self._cells(names)}{'lr':>9}"
        units = f"{'':12}{self._cells([UNITS.get(name.partition('_')[2], '') for name in names])}"
        lines = [titles + (TIMES if self._has_room(titles) else ""), units.rstrip()]
        return [line for line in lines if line]

    def row(
        self,
        step: int,
        train: dict[str, float],
        valid: dict[str, float],
        lr: float,
        timing: tuple[float, timedelta] | None,
    ) -> list[str]:
        """The lines of a step: of the training data, and of the validation data where there are any."""
        line = f"{step:>8} trn{self._values(train)}{lr:9.1e}"
        if timing and self._has_room(line):
            line += f"{timing[0]:9.3g}{_short(timing[1]):>9}"
        return [line, *([f"{'':8} val{self._values(valid)}"] if valid else [])]

    def _has_room(self, line: str) -> bool:
        return self._show_time and len(line) + len(TIMES) <= WIDTH

    def _values(self, metrics: dict[str, float]) -> str:
        values = shown_metrics(metrics).values()
        return self._cells(["-" if math.isnan(value) else f"{value:.2e}" for value in values])

    def _cells(self, words: list[str]) -> str:
        widths = [max(SMALLEST_COLUMN, len(name) + 1) for name in self._names]
        return "".join(f"{word:>{width}}" for word, width in zip(words, widths, strict=True))


def _short(left: timedelta) -> str:
    """``1:02:03``, from the second day on ``2 d 3 h``."""
    return f"{left.days} d {left.seconds // 3600} h" if left.days else str(left)
