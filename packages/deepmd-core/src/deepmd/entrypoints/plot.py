# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp plot`: a picture of a learning curve, or of a detail file of `dp test`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deepmd.files.overwrite import check_outputs
from deepmd.plot.detail import is_detail_file, plot_detail_file
from deepmd.plot.lcurve import plot_lcurve

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> None:
    """Runs the sub-command."""
    print(f"written: {plot(args.INPUT, args.output)}")


def plot(source: str | Path, output: str | Path | None = None) -> Path:
    """Draws a file; its first line tells what it holds.

    Parameters
    ----------
    source : str or Path
        ``lcurve.out``, or a detail file of ``dp test -d``.
    output : str or Path, optional
        Picture, PNG where it has no ending; default: the source's name with the ending ``.png``.

    Returns
    -------
    Path
        The picture.

    Raises
    ------
    InputError
        If the source is neither, or matplotlib is not installed.
    """
    source, picture = Path(source), Path(output or source)
    if output is None or not picture.suffix:
        picture = picture.with_suffix(".png")
    check_outputs([picture], [source])
    if is_detail_file(source):
        plot_detail_file(source, picture)
    else:
        plot_lcurve(source, picture)
    return picture
