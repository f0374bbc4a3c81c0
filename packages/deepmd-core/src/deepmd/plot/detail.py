# SPDX-License-Identifier: LGPL-3.0-or-later
"""A parity picture of a detail file that `dp test -d` wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deepmd.errors import InputError
from deepmd.infer.comparison import ENERGY_QUANTITIES
from deepmd.infer.quantities import Pair, Panel
from deepmd.plot.parity import Drawn, plot_parity
from deepmd.plot.style import OF_LABELS

COMPONENTS = Panel("Components", OF_LABELS)
"""How a tensor's detail file is drawn, which does not name the tensor."""


def is_detail_file(path: Path) -> bool:
    """Whether the first line names columns of labels and predictions: ``data_e pred_e``."""
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        return " pred_" in file.readline()


def plot_detail_file(source: Path, output: Path) -> None:
    """Draws predictions against labels.

    Raises
    ------
    InputError
        It does not hold pairs of numbers.
    """
    try:
        columns = np.loadtxt(source, ndmin=2)
    except ValueError as error:
        raise InputError(f"{source}: not a detail file of `dp test -d` ({error}).") from error
    width = columns.shape[1] // 2
    plot_parity([Drawn(_panel_of(source), Pair(columns[:, :width], columns[:, width:]), {})], output)


def _panel_of(source: Path) -> Panel:
    """How a detail file is drawn; its ending tells what it holds."""
    known = {each.suffix: each.panel for each in ENERGY_QUANTITIES if each.suffix and each.panel}
    return next((panel for suffix, panel in known.items() if source.name.endswith(suffix)), COMPONENTS)
