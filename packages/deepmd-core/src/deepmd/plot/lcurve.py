# SPDX-License-Identifier: LGPL-3.0-or-later
"""A picture of a learning curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.files import atomic_path
from deepmd.plot.style import INK, LINE, OF_LABELS, check_can_draw, dress, new_figure, tick
from deepmd.train.lcurve import read_lcurve

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

TITLES = {
    "e": ("Energy", "eV/atom"),
    "f": ("Force", "eV/Å"),
    "v": ("Virial", "eV/atom"),
    "ae": ("Atomic energy", "eV"),
    "pf": ("Weighted force", "eV/Å"),
}
"""Last part of a metric's name (``rmse_e``) to its quantity and unit."""
SCOPES = {"global": "per atom", "local": "of atoms"}
"""First word of a tensor's metric to what it means."""
COLORS = ("#1f6fb2", "#d9822b", "#2a8c6a", "#8a5aa8", "#b5373f")
"""One for each quantity; they begin again where there are more."""
TRAINING: dict[str, Any] = {"linewidth": 0.9, "alpha": 0.5}
VALIDATION: dict[str, Any] = {"linewidth": 1.6}


def plot_lcurve(source: str | Path, output: str | Path) -> None:
    """Draws the errors, and below them the learning rate, against the step.

    The axis begins at the first step that is shown. The root of the loss is drawn where there is nothing else: its
    weights change from step to step, so that it says little beside the errors.

    Parameters
    ----------
    source : str or Path
        ``lcurve.out``.
    output : str or Path
        Picture; the ending picks the format.

    Raises
    ------
    InputError
        If the source is no learning curve, matplotlib is not installed, or it does not know the format.
    """
    check_can_draw(output)
    columns = read_lcurve(source)
    figure = new_figure(7.0, 6.0)
    errors, rate = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    _draw_errors(errors, columns)
    rate.plot(columns["step"], columns["lr"], color=INK, linewidth=1.2, marker=_marker(columns))
    _set_axes(rate, columns["step"])
    dress(errors, "Errors", "", "")
    dress(rate, "Learning rate", "step", "")
    with atomic_path(output) as temporary:
        figure.savefig(temporary)


def _draw_errors(axes: Axes, columns: dict[str, np.ndarray]) -> None:
    """A color for each quantity; validation as a line, training as a thin one beside it."""
    names = _metrics(columns)
    has_validation = f"{names[0]}_val" in columns if names else False
    for number, name in enumerate(names):
        drawn: dict[str, Any] = {"color": COLORS[number % len(COLORS)], "marker": _marker(columns)}
        if has_validation:
            axes.plot(columns["step"], columns[f"{name}_trn"], **drawn, **TRAINING)
        last = "val" if has_validation else "trn"
        axes.plot(columns["step"], columns[f"{name}_{last}"], label=_name(name), **drawn, **VALIDATION)
    if has_validation:
        for label, width in (("training", TRAINING), ("validation", VALIDATION)):
            axes.plot([], [], color=INK, label=label, **width)
    _set_axes(axes, columns["step"])
    # beside the panel, where no curve is under it
    axes.legend(frameon=False, labelcolor=INK, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _marker(columns: dict[str, np.ndarray]) -> str:
    """A single row is a dot, since it makes no line."""
    return "." if len(columns["step"]) == 1 else ""


def _set_axes(axes: Axes, steps: np.ndarray) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(tick)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.locator_params(axis="x", integer=True)
    if len(steps) > 1:
        axes.set_xlim(steps[0], steps[-1])
    axes.grid(color=LINE, alpha=0.3, linewidth=0.5)


def _metrics(columns: dict[str, np.ndarray]) -> list[str]:
    """Names of the metrics with labels; that of the loss only where there is no other."""
    names = [name.removesuffix("_trn") for name in columns if name.endswith("_trn")]
    names = [name for name in names if np.isfinite(columns[f"{name}_trn"]).any()]
    return [name for name in names if "_" in name] or names


def _name(metric: str) -> str:
    """``Force RMSE [eV/Å]``."""
    kind, _, part = metric.partition("_")
    if not part and kind != "rmse":  # of a property: what its loss shows
        return kind.upper()
    if kind not in ("rmse", "mae"):  # no error
        return metric.capitalize().replace("_", " ")
    title, unit = TITLES.get(part) or _title(part)
    return f"{title} {kind.upper()} [{unit}]" if unit else title


def _title(part: str) -> tuple[str, str]:
    """Of a metric that has no title of its own: ``global_dipole`` and ``local_dipole`` are those of a tensor."""
    scope, _, tensor = part.partition("_")
    if scope in SCOPES and tensor:
        return f"{tensor.capitalize()} {SCOPES[scope]}", OF_LABELS
    return part or "Root of the loss", ""
