# SPDX-License-Identifier: LGPL-3.0-or-later
"""A picture of a learning curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd.files import atomic_path
from deepmd.plot.parity import check_can_draw
from deepmd.train.lcurve import read_lcurve

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

UNITS = {"e": "eV/atom", "f": "eV/Å", "v": "eV/atom", "ae": "eV", "pf": "eV/Å"}
"""Last part of a metric's name to its unit."""


def plot_lcurve(source: str | Path, output: str | Path) -> None:
    """Draws each metric and the learning rate against the step, on logarithmic axes.

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
    from matplotlib.figure import Figure

    columns = read_lcurve(source)
    metrics = list(dict.fromkeys(name[:-4] for name in columns if name.endswith(("_val", "_trn"))))
    metrics = [name for name in metrics if np.isfinite(columns[f"{name}_trn"]).any()]
    figure = Figure(figsize=(4 * (len(metrics) + 1), 3.2), layout="constrained", dpi=150)
    all_axes = figure.subplots(1, len(metrics) + 1, squeeze=False)[0]
    for axes, name in zip(all_axes, metrics, strict=False):
        _draw_metric(axes, columns, name)
    all_axes[-1].plot(columns["step"], columns["lr"], color="black")
    _label(all_axes[-1], "learning rate")
    with atomic_path(output) as temporary:
        figure.savefig(temporary)


def _draw_metric(axes: Axes, columns: dict[str, np.ndarray], name: str) -> None:
    axes.plot(columns["step"], columns[f"{name}_trn"], label="training", color="tab:blue", linewidth=1)
    if f"{name}_val" in columns:
        axes.plot(columns["step"], columns[f"{name}_val"], label="validation", color="tab:orange", linewidth=1)
        axes.legend(frameon=False)
    kind, _, part = name.partition("_")
    unit = UNITS.get(part)
    _label(axes, f"{kind.upper()} {part} [{unit}]" if unit else name)


def _label(axes: Axes, quantity: str) -> None:
    axes.set(xlabel="step", ylabel=quantity, yscale="log", xscale="symlog")
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
