# SPDX-License-Identifier: LGPL-3.0-or-later
"""Parity pictures: predictions against labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepmd.errors import InputError
from deepmd.files import atomic_path
from deepmd.infer.quantities import Error, Pair

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes

    from deepmd.infer.quantities import Panel, Quantity

MAX_DOTS = 3000
"""With more values than these, the density is drawn instead of dots."""
MARGIN = 0.05
INK, LINE, DOTS, DENSITY = "#22262b", "#9aa1a9", "#1f6fb2", "viridis"


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
        self._panels = {quantity.key: quantity.panel for quantity in quantities if quantity.panel}
        self._parts: dict[str, list[Pair]] = {key: [] for key in self._panels if path}

    def add(self, pairs: dict[str, Pair]) -> None:
        """Keeps what is drawn of one batch."""
        for key, parts in self._parts.items():
            if key in pairs:
                parts.append(pairs[key])

    def draw(self) -> None:
        """Draws all that was added."""
        if self.path is None:
            return
        drawn = [
            (self._panels[key], Pair(*(np.concatenate([part[i] for part in parts]) for i in range(2))))
            for key, parts in self._parts.items()
            if parts
        ]
        plot_parity(drawn, self.path)


def plot_parity(drawn: list[tuple[Panel, Pair]], path: str | Path) -> None:
    """Draws predictions against labels, a panel for each quantity, with MAE and RMSE.

    Parameters
    ----------
    drawn : list of (Panel, Pair)
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
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(drawn), 4.2), layout="constrained", dpi=160)
    for (panel, pair), axes in zip(drawn, np.ravel(figure.subplots(1, len(drawn))), strict=True):
        _draw_panel(axes, panel, pair)
    with atomic_path(path) as temporary:
        figure.savefig(temporary)


def check_can_draw(path: str | Path) -> None:
    """Raises InputError unless matplotlib is installed and knows the picture's format."""
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError as error:
        raise InputError("drawing needs matplotlib: `pip install 'deepmd-core[plot]'`.") from error
    formats = FigureCanvasBase.get_supported_filetypes()
    if Path(path).suffix.removeprefix(".") not in formats:
        raise InputError(f"cannot draw into {path}: the ending must be one of {', '.join(sorted(formats))}.")


def _draw_panel(axes: Axes, panel: Panel, pair: Pair) -> None:
    offset = np.mean(pair.label) if panel.is_centered else 0.0
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
        axes.scatter(label, prediction, s=12, color=DOTS, alpha=0.5, linewidths=0, zorder=2)
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    axes.locator_params(nbins=5)
    axes.set_title(panel.title, color=INK, fontsize=11, loc="left")
    shift = " − mean label" if panel.is_centered else ""
    axes.set_xlabel(f"label{shift} [{panel.unit}]", color=INK)
    axes.set_ylabel(f"prediction{shift} [{panel.unit}]", color=INK)
    axes.text(0.04, 0.96, _summary(panel, pair), transform=axes.transAxes, va="top", fontsize=9, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)


def _limits(label: np.ndarray, prediction: np.ndarray) -> tuple[float, float]:
    """The same limits for both axes, around all values."""
    lowest, highest = min(label.min(), prediction.min()), max(label.max(), prediction.max())
    margin = MARGIN * (highest - lowest) or 1.0
    return float(lowest - margin), float(highest + margin)


def _summary(panel: Panel, pair: Pair) -> str:
    error = Error.of(pair)
    unit = f"m{panel.unit}"
    return f"RMSE {1000 * error.rmse:.3g} {unit}\nMAE {1000 * error.mae:.3g} {unit}\n{pair.label.size:,} values"
