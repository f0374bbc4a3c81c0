# SPDX-License-Identifier: LGPL-3.0-or-later
"""A picture of a learning curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd.files import atomic_path
from deepmd.plot.parity import INK, LINE, check_can_draw
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
TRAINING, VALIDATION = "#1f6fb2", "#d9822b"


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
    metrics = _metrics(columns)
    figure = Figure(figsize=(3.6 * (len(metrics) + 1), 3.2), layout="constrained", dpi=160)
    *panels, last = figure.subplots(1, len(metrics) + 1, squeeze=False)[0]
    for axes, name in zip(panels, metrics, strict=True):
        _draw_metric(axes, columns, name)
    last.plot(columns["step"], columns["lr"], color=INK, linewidth=1.2)
    _label(last, "Learning rate", "")
    with atomic_path(output) as temporary:
        figure.savefig(temporary)


def _metrics(columns: dict[str, np.ndarray]) -> list[str]:
    """Names of the metrics with labels, the root of the loss last."""
    names = [name.removesuffix("_trn") for name in columns if name.endswith("_trn")]
    names = [name for name in names if np.isfinite(columns[f"{name}_trn"]).any()]
    return sorted(names, key=lambda name: "_" not in name)


def _draw_metric(axes: Axes, columns: dict[str, np.ndarray], name: str) -> None:
    axes.plot(columns["step"], columns[f"{name}_trn"], label="training", color=TRAINING, linewidth=1)
    if f"{name}_val" in columns:
        axes.plot(columns["step"], columns[f"{name}_val"], label="validation", color=VALIDATION, linewidth=1.2)
        axes.legend(frameon=False, labelcolor=INK, fontsize=9)
    kind, _, part = name.partition("_")
    title, unit = TITLES.get(part) or _title(part)
    _label(axes, title, f"{kind.upper()} [{unit}]" if unit else "")


def _title(part: str) -> tuple[str, str]:
    """Of a metric that has no title of its own: ``global_dipole`` and ``local_dipole`` are those of a tensor."""
    scope, _, tensor = part.partition("_")
    if scope in SCOPES and tensor:
        return f"{tensor.capitalize()} {SCOPES[scope]}", "unit of the labels"
    return part or "Root of the loss", ""


def _label(axes: Axes, title: str, quantity: str) -> None:
    axes.set(xscale="log", yscale="log")
    axes.set_title(title, color=INK, fontsize=11, loc="left")
    axes.set_xlabel("step", color=INK)
    axes.set_ylabel(quantity, color=INK)
    axes.grid(color=LINE, alpha=0.3, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(which="both", colors=INK, labelsize=9)
