# SPDX-License-Identifier: LGPL-3.0-or-later
"""What all pictures share: colors, margins, axes, and numbers as a person writes them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from deepmd.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, LINE, BLUE = "#22262b", "#9aa1a9", "#1f6fb2"
MARGIN = 0.12
"""Around and between panels [inch]."""
PLAIN = (1e-3, 1e6)
"""Numbers from the first to below the second are written without a power of ten."""
OF_LABELS = "unit of the labels"
"""Where a file does not say which."""


def check_can_draw(path: str | Path) -> None:
    """Raises InputError unless matplotlib is installed and knows the picture's format."""
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError as error:
        raise InputError("drawing needs matplotlib: `pip install 'deepmd-core[plot]'`.") from error
    formats = FigureCanvasBase.get_supported_filetypes()
    if Path(path).suffix.removeprefix(".") not in formats:
        raise InputError(f"cannot draw into {path}: the ending must be one of {', '.join(sorted(formats))}.")


def new_figure(width: float, height: float) -> Figure:
    """An empty picture of a size [inch], whose panels leave room for all that is written beside them."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return Figure(figsize=(width, height), dpi=160, layout=ConstrainedLayoutEngine(w_pad=MARGIN, h_pad=MARGIN))


def dress(axes: Axes, title: str, xlabel: str, ylabel: str, pad: float = 6.0) -> None:
    """Title and labels of a panel, the title so many points above it; no frame."""
    axes.set_title(title, color=INK, fontsize=11, loc="left", pad=pad)
    axes.set_xlabel(xlabel, color=INK)
    axes.set_ylabel(ylabel, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(which="both", colors=INK, labelsize=9)


def written(number: float, digits: int = 3) -> str:
    """A number with so many figures: ``0.0123``, ``1,230``, beyond that ``1.23·10⁻⁷``."""
    if number == 0 or not math.isfinite(number):
        return f"{number:g}"
    exponent = math.floor(math.log10(abs(float(f"{number:.{digits - 1}e}"))))
    if PLAIN[0] <= abs(number) < PLAIN[1]:
        return f"{round(number, digits - 1 - exponent):,.{max(0, digits - 1 - exponent)}f}"
    return f"{number / 10.0**exponent:.{digits - 1}f}·{power_of_ten(exponent)}"


def power_of_ten(exponent: int) -> str:
    """``10⁻⁵``."""
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def tick(value: float, _position: float = 0.0) -> str:
    """The text at a power of ten of a logarithmic axis: ``0.01``, ``1,000``, beyond that ``10⁻⁵``."""
    exponent = round(math.log10(value))
    if not math.isclose(value, 10.0**exponent):
        return ""
    return f"{value:,.{max(0, -exponent)}f}" if PLAIN[0] <= value < PLAIN[1] else power_of_ten(exponent)


def with_unit(value: float, unit: str) -> str:
    """``112 meV/Å`` for 0.112 eV/Å: a thousandth of an energy's unit where the number is small.

    A unit that is not known is named at the axes only.
    """
    if unit.startswith("eV") and abs(value) < 1.0:
        return f"{written(1000 * value)} m{unit}"
    return written(value) if unit == OF_LABELS else f"{written(value)} {unit}".rstrip()
