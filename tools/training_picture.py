# SPDX-License-Identifier: LGPL-3.0-or-later
"""The picture of the same training in several frameworks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from deepmd.plot.style import INK, LINE, tick

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

COLORS = ("#e69f00", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9")
"""Told apart by the colour-blind (Okabe & Ito)."""
ROUNDING = 1e-17
"""What stands for no difference at all on a logarithmic axis [1]."""


@dataclass
class Curve:
    """What a training was like.

    Attributes
    ----------
    label : str
        ``PyTorch``, or ``PyTorch → JAX`` where JAX went on from a checkpoint of PyTorch.
    metrics : dict
        By step, from 1: the loss and the errors ``rmse_e`` [eV/atom], ``rmse_f`` [eV/Å], ``rmse_v`` [eV/atom] on the
        step's batch, before its update.
    differences : dict
        By step, the largest |metric / reference - 1| of all metrics, where there is a reference.
    """

    label: str
    metrics: dict[int, dict[str, float]]
    differences: dict[int, float] = field(default_factory=dict)

    def compare_with(self, reference: Curve) -> Curve:
        """The same curve with its differences."""
        differences = {
            step: max(abs(value / reference.metrics[step][name] - 1.0) for name, value in row.items())
            for step, row in self.metrics.items()
        }
        return Curve(self.label, self.metrics, differences)


def draw(output: Path, curves: Sequence[Curve], restarts: Sequence[Curve], limit: float) -> None:
    """Draws the curves on top of each other, how far they differ, and how far restarts do.

    Parameters
    ----------
    output : Path
        Picture; its ending picks the format.
    curves : sequence of Curve
        The first is the one that the others are compared with.
    restarts : sequence of Curve
        Compared with the uninterrupted training that each goes on with.
    limit : float
        The largest relative difference promised.
    """
    figure = Figure(figsize=(7.5, 8.2), layout="constrained", dpi=120)
    errors, differences, continued = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 2))
    _draw_errors(errors, curves, restarts)
    for number, curve in list(enumerate(curves))[1:]:
        _draw_differences(differences, curve, COLORS[number])
    _draw_limit(differences, limit, f"Largest relative difference of loss and errors to {curves[0].label}")
    for number, curve in enumerate(restarts):
        _draw_differences(continued, curve, COLORS[(number + 1) % len(curves)])
    _draw_limit(continued, limit, "Restarted in another framework: difference to the uninterrupted training")
    continued.set_xlabel("step", color=INK)
    figure.savefig(output)


def _draw_errors(axes: Axes, curves: Sequence[Curve], restarts: Sequence[Curve]) -> None:
    """The force errors: thinner lines on thicker ones, so that all are seen where they agree; restarts as dots."""
    for number, curve in enumerate(curves):
        width = 1.0 + 1.6 * (len(curves) - 1 - number)
        axes.plot(*_force_errors(curve), color=COLORS[number], linewidth=width, label=curve.label)
    for number, curve in enumerate(restarts):
        steps, values = (each[number :: len(restarts)] for each in _force_errors(curve))
        label = "restarts" if number == 0 else None
        axes.plot(steps, values, color=INK, linestyle="none", marker="o", markersize=2.5, label=label)
    axes.set_ylim(bottom=0.0)
    _label(axes, "One input, one seed: force error on the training batch", "RMSE [eV/Å]")
    axes.legend(frameon=False, labelcolor=INK, fontsize=9)


def _force_errors(curve: Curve) -> tuple[list[int], list[float]]:
    return list(curve.metrics), [row["rmse_f"] for row in curve.metrics.values()]


def _draw_differences(axes: Axes, curve: Curve, color: str) -> None:
    values = [max(value, ROUNDING) for value in curve.differences.values()]
    axes.plot(list(curve.differences), values, color=color, linewidth=1.1, marker=".", markersize=4, label=curve.label)


def _draw_limit(axes: Axes, limit: float, title: str) -> None:
    axes.axhline(limit, color=INK, linewidth=0.8, linestyle="--")
    axes.annotate(tick(limit), (1, limit), textcoords="offset points", xytext=(0, -11), color=INK, fontsize=8)
    axes.set(yscale="log", ylim=(ROUNDING / 3, 30 * limit))
    _label(axes, title, "")
    if axes.get_legend_handles_labels()[0]:
        # below the differences, which grow to the right
        axes.legend(frameon=False, labelcolor=INK, fontsize=9, loc="lower right", ncols=2)


def _label(axes: Axes, title: str, quantity: str) -> None:
    axes.set_title(title, color=INK, fontsize=11, loc="left")
    axes.set_ylabel(quantity, color=INK)
    axes.grid(color=LINE, alpha=0.3, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(which="both", colors=INK, labelsize=9)
