# SPDX-License-Identifier: LGPL-3.0-or-later
"""A parity picture of a detail file that `dp test -d` wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deepmd.errors import InputError
from deepmd.infer.quantities import QUANTITIES, Pair
from deepmd.plot.parity import PANELS, plot_parity


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
        The file is not of energies per atom, forces or virials per atom, or does not hold numbers.
    """
    panels = [panel.key for panel in PANELS]
    drawn = {quantity.suffix: quantity.key for quantity in QUANTITIES if quantity.key in panels}
    key = next((key for suffix, key in drawn.items() if source.name.endswith(suffix)), None)
    if key is None:
        raise InputError(f"{source}: what is drawn are detail files that end in {', '.join(drawn)}.")
    try:
        columns = np.loadtxt(source, ndmin=2)
    except ValueError as error:
        raise InputError(f"{source}: not a detail file of `dp test -d` ({error}).") from error
    width = columns.shape[1] // 2
    plot_parity({key: Pair(columns[:, :width], columns[:, width:])}, output)
