# SPDX-License-Identifier: LGPL-3.0-or-later
"""Timing by turns: medians of several rounds, so that a machine whose speed drifts favours nobody."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from side import Side

HEAD = f"{'':52s} {'ours':>10s} {'':14s} {'theirs':>10s} {'ratio':>6s}"


def measure(sides: Sequence[Side], rounds: int, what: str, method: str, *args: Any) -> dict[str, Any]:
    """Lets the sides take turns, prints a line for each opponent of the first, and gives the figures.

    Returns
    -------
    dict
        ``what``; ``seconds``: median of each side by its label [s]; ``ratios``: median over the rounds of the first
        side's time to each other's.
    """
    times: dict[str, list[float]] = {side.label: [] for side in sides}
    for _ in range(rounds):
        for side in sides:
            times[side.label].append(getattr(side, method)(*args))
    first, *others = times
    ratios = {other: median(a / b for a, b in zip(times[first], times[other], strict=True)) for other in others}
    row = {"what": what, "seconds": {label: median(each) for label, each in times.items()}, "ratios": ratios}
    _print(row)
    return row


def _print(row: dict[str, Any]) -> None:
    ours, *others = row["seconds"].items()
    start = f"{row['what']:52s} {_milliseconds(ours[1])}"
    lines = [f"{start} {label:>14s} {_milliseconds(value)} {row['ratios'][label]:6.2f}" for label, value in others]
    print("\n".join(lines or [start]), flush=True)


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:7.1f} ms"
