# SPDX-License-Identifier: LGPL-3.0-or-later
"""The lines that are shown of a training: aligned, within 80 columns, with names and units once above them."""

from __future__ import annotations

import math
import re
from itertools import accumulate
from typing import TYPE_CHECKING

from deepmd.train.lcurve import shown_metrics

if TYPE_CHECKING:
    from datetime import timedelta

WIDTH = 80
UNITS = {
    "e": "eV/atom",
    "f": "eV/Å",
    "v": "eV/atom",
    "ae": "eV",
    "pf": "eV/Å",
    "h": "eV/Å²",
    "fr": "eV/Å",
    "fm": "eV/μB",
}
"""Of the metrics of a potential, by what stands behind ``rmse_`` or ``mae_``."""
SMALLEST_COLUMN = 9
TIMES = f"{'steps/s':>9}{'left':>9}"
ROOM = WIDTH - 12 - SMALLEST_COLUMN
"""What the number of the step and the learning rate leave for the metrics."""


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
        self._widths: list[int] = []

    def head(self, metrics: dict[str, float]) -> list[str]:
        """Names and units, where they are not those of the lines before.

        Where there are too many names for a line they stand on several, and those that have no room are told.
        """
        names = list(shown_metrics(metrics))
        if names == self._names:
            return []
        columns = [[name] for name in names]
        if sum(map(_width, columns)) > ROOM:
            columns = [_words(name) for name in names]
        sums = accumulate(map(_width, columns))
        columns = [column for column, end in zip(columns, sums, strict=True) if end <= ROOM]
        self._names, self._widths = names, list(map(_width, columns))
        *above, last = (self._cells(line) for line in _lines(columns))
        titles = f"{'batch':>8}    {last}{'lr':>9}"
        units = self._cells([UNITS.get(name.partition("_")[2], "") for name in names])
        out = names[len(self._widths) :]
        return [
            *([f"in lcurve.out only: {', '.join(out)}"] if out else []),
            *(f"{'':12}{line}".rstrip() for line in above),
            titles + (TIMES if self._has_room(titles) else ""),
            *([f"{'':12}{units}".rstrip()] if units.strip() else []),
        ]

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
            line += f"{timing[0]:9.3g}{short_time(timing[1]):>9}"
        return [line, *([f"{'':8} val{self._values(valid)}"] if valid else [])]

    def _has_room(self, line: str) -> bool:
        return self._show_time and len(line) + len(TIMES) <= WIDTH

    def _values(self, metrics: dict[str, float]) -> str:
        values = shown_metrics(metrics).values()
        return self._cells(["-" if math.isnan(value) else f"{value:.2e}" for value in values])

    def _cells(self, words: list[str]) -> str:
        # those beyond the last column are left out
        return "".join(f"{word:>{width}}" for word, width in zip(words, self._widths, strict=False))


def _width(column: list[str]) -> int:
    return max(SMALLEST_COLUMN, max(map(len, column)) + 1)


def _words(name: str) -> list[str]:
    """A name cut behind underscores into pieces that are shorter than the smallest column, as far as these allow."""
    words = [""]
    for piece in re.findall("[^_]*_|[^_]+", name):
        if words[-1] and len(words[-1]) + len(piece) >= SMALLEST_COLUMN:
            words.append("")
        words[-1] += piece
    return words


def _lines(columns: list[list[str]]) -> list[list[str]]:
    """The words of columns line by line, those of short columns in the last lines."""
    height = max(map(len, columns), default=1)
    padded = [[""] * (height - len(words)) + words for words in columns]
    return [list(line) for line in zip(*padded, strict=True)] or [[]]


def short_time(left: timedelta) -> str:
    """``1:02:03``, from the second day on ``2 d 3 h``."""
    return f"{left.days} d {left.seconds // 3600} h" if left.days else str(left)
