# SPDX-License-Identifier: LGPL-3.0-or-later
"""Parity pictures: predictions against labels."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deepmd.errors import InputError
from deepmd.files import atomic_path
from deepmd.infer.quantities import Error, Pair, add_errors, parts_of
from deepmd.plot.style import BLUE, INK, LINE, check_can_draw, dress, new_figure, with_unit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from matplotlib.axes import Axes

    from deepmd.infer.quantities import Panel, Quantity

MAX_DOTS = 3000
"""With more values than these, the density is drawn instead of dots."""
MARGIN = 0.05
DENSITY = "viridis"
SIZE = 4.2
"""Width of a panel [inch]."""
FONT, LINE_HEIGHT = 9, 12.5
"""Of the numbers above a panel [points]."""
WORDS = 46
"""Characters that fit above a panel."""


class Drawn(NamedTuple):
    """What one panel shows."""

    panel: Panel
    pair: Pair
    parts: dict[str, Error]
    """Errors of elements, where they are known."""


class ParityData:
    """Collects pairs of labels and predictions, batch by batch, for a picture.

    Parameters
    ----------
    path : str or None
        Picture to draw; None: nothing is kept.
    quantities : iterable of Quantity
        Those that may come; those with a panel are drawn.

    Raises
    ------
    InputError
        matplotlib is not installed or does not know the format; said before anything is computed for the picture.
    """

    def __init__(self, path: str | None, quantities: Iterable[Quantity]) -> None:
        if path is not None:
            check_can_draw(path)
        self.path = path
        self._quantities = list(quantities) if path else []
        self._panels = {each.key: each.panel for each in self._quantities if each.panel and each.in_picture}
        self._pairs: dict[str, list[Pair]] = {key: [] for key in self._panels}
        self._errors: dict[str, Error] = {}

    def add(self, pairs: dict[str, Pair]) -> None:
        """Keeps what is drawn of one batch."""
        for key, kept in self._pairs.items():
            if key in pairs:
                kept.append(pairs[key])
        parts = [each.key for each in self._quantities if each.part_of and each.key in pairs]
        self._errors = add_errors([self._errors, {key: Error.of(pairs[key]) for key in parts}])

    def draw(self) -> None:
        """Draws all that was added."""
        if self.path is None:
            return
        drawn = [
            Drawn(
                self._panels[key],
                Pair(*(np.concatenate([pair[i] for pair in kept]) for i in range(2))),
                parts_of(key, self._errors, self._quantities),
            )
            for key, kept in self._pairs.items()
            if kept
        ]
        plot_parity(drawn, self.path)


def plot_parity(drawn: list[Drawn], path: str | Path) -> None:
    """Draws predictions against labels, a panel for each quantity, with MAE and RMSE above it.

    Parameters
    ----------
    drawn : list of Drawn
        From left to right.
    path : str or Path
        Picture to write; the ending picks the format.

    Raises
    ------
    InputError
        matplotlib is not installed, does not know the format, or there is nothing to draw.
    """
    if not drawn:
        raise InputError(f"nothing to draw in {path}: no system has labels of what is drawn.")
    check_can_draw(path)
    summaries = [_summary(each) for each in drawn]
    nlines = max(len(lines) for lines in summaries)
    figure = new_figure(SIZE * len(drawn), SIZE + nlines * LINE_HEIGHT / 72)
    for each, lines, axes in zip(drawn, summaries, np.ravel(figure.subplots(1, len(drawn))), strict=True):
        _draw_values(axes, each)
        unit = f"{' − mean label' if each.panel.is_centered else ''} [{each.panel.unit}]"
        dress(axes, each.panel.title, f"label{unit}", f"prediction{unit}", pad=10 + nlines * LINE_HEIGHT)
        # above the panel, where no values are; all panels leave the same room for it
        place = {"xy": (0, 1), "xycoords": "axes fraction", "xytext": (0, 6 + nlines * LINE_HEIGHT)}
        text = "\n".join(lines)
        axes.annotate(text, **place, textcoords="offset points", va="top", fontsize=FONT, color=INK)
    with atomic_path(path) as temporary:
        figure.savefig(temporary)


def _draw_values(axes: Axes, drawn: Drawn) -> None:
    pair = drawn.pair
    offset = np.mean(pair.label) if drawn.panel.is_centered else 0.0
    label, prediction = np.ravel(pair.label) - offset, np.ravel(pair.prediction) - offset
    limits = _limits(label, prediction)
    axes.plot(limits, limits, color=LINE, linewidth=1, zorder=1)
    if label.size > MAX_DOTS:
        axes.hexbin(
            label,
            prediction,
            gridsize=90,
            bins="log",
            mincnt=1,
            cmap=DENSITY,
            extent=(*limits, *limits),
            linewidths=0.1,
        )
    else:
        axes.scatter(label, prediction, s=12, color=BLUE, alpha=0.5, linewidths=0, zorder=2)
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    axes.locator_params(nbins=5)


def _limits(label: np.ndarray, prediction: np.ndarray) -> tuple[float, float]:
    """The same limits for both axes, around all values."""
    lowest, highest = min(label.min(), prediction.min()), max(label.max(), prediction.max())
    margin = MARGIN * (highest - lowest) or 1.0
    return float(lowest - margin), float(highest + margin)


def _summary(drawn: Drawn) -> list[str]:
    """The errors in lines, of the elements too where there are several."""
    error, unit = Error.of(drawn.pair), drawn.panel.unit
    values = f"{drawn.pair.label.size:,} values"
    lines = [f"RMSE {with_unit(error.rmse, unit)}, MAE {with_unit(error.mae, unit)}", values]
    parts = drawn.parts
    if len(parts) > 1:
        # a number stays with its unit
        listed = [
            f"{name} {with_unit(part.rmse, unit)}".replace(" ", "\N{NO-BREAK SPACE}") for name, part in parts.items()
        ]
        lines += textwrap.wrap(f"RMSE of {', '.join(listed)}", WORDS)
    return lines
