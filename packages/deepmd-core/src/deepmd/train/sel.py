# SPDX-License-Identifier: LGPL-3.0-or-later
"""The key ``sel``: numbers for ``auto``, and a warning where given numbers are too small for the data."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from deepmd.errors import InputError
from deepmd.train.neighbor_statistics import NeighborStatistics, neighbor_statistics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deepmd.data import System

log = logging.getLogger(__name__)

PER_TYPE = {"se_e2_a", "se_a", "se_e2_r", "se_r", "se_e3", "se_at", "se_a_3be", "se_t"}
"""Descriptors whose ``sel`` counts the neighbors of each type; the others count all together."""


def settle_sel(model: dict, systems: list[System], neighbor_stat: Callable) -> float | None:
    """Replaces ``sel: auto`` in the model section by numbers and warns where given numbers are too small.

    ``auto:F`` is F times the most neighbors found, rounded down, then up to a multiple of 4; ``auto`` is ``auto:1.1``.

    Returns
    -------
    float or None
        Smallest distance of two atoms [Å]; None where there are no neighbors.
    """
    names = model["type_map"]
    found: dict[float, NeighborStatistics] = {}
    for descriptor in _descriptors(model["descriptor"]):
        rcut = descriptor["rcut"]
        if rcut not in found:
            found[rcut] = neighbor_statistics(systems, rcut, len(names), neighbor_stat)
            _report(found[rcut], rcut, names)
        _settle_one(descriptor, found[rcut], names)
    smallest = min((statistics.min_distance for statistics in found.values()), default=math.inf)
    return smallest if math.isfinite(smallest) else None


def check_sel_is_settled(model: dict) -> None:
    """Raises InputError where ``sel`` is ``auto`` and nothing will find its value."""
    for descriptor in _descriptors(model["descriptor"]):
        if isinstance(descriptor["sel"], str):
            raise InputError(
                f"sel {descriptor['sel']!r} needs the neighbor statistics: leave out --skip-neighbor-stat."
            )


def auto_sel(rule: str, most: int) -> int:
    """What ``auto`` or ``auto:F`` makes of the most neighbors found."""
    name, _, factor = rule.partition(":")
    try:
        ratio = float(factor) if factor else 1.1
    except ValueError:
        ratio = 0.0
    if name != "auto" or ratio < 1.0:
        raise InputError(f"sel {rule!r}: expected numbers, `auto` or `auto:F` with a factor F of at least 1.")
    return -(-int(most * ratio) // 4) * 4


def _settle_one(descriptor: dict, found: NeighborStatistics, names: list[str]) -> None:
    per_type = descriptor["type"] in PER_TYPE
    sel = descriptor["sel"]
    if isinstance(sel, str):
        settled = [auto_sel(sel, int(most)) for most in found.max_nnei] if per_type else auto_sel(sel, found.max_total)
        descriptor["sel"] = settled
        log.info("sel %r of %s is set to %s.", sel, descriptor["type"], settled)
        return
    if per_type:
        small = [
            f"{name} {given} (found {most})"
            for name, given, most in zip(names, sel, found.max_nnei, strict=False)
            if 0 < given < most
        ]
    else:
        given = sum(sel) if isinstance(sel, list) else sel
        small = [f"{given} (found {found.max_total})"] if given < found.max_total else []
    if small:
        log.warning(
            "sel is too small: %s neighbors within %g Å. All of them count here, and the energy stays smooth; "
            "deepmd-kit would leave out the farthest, so the model gives other numbers there. Give larger numbers or "
            "`auto`.",
            ", ".join(small),
            descriptor["rcut"],
        )


def _report(found: NeighborStatistics, rcut: float, names: list[str]) -> None:
    counts = ", ".join(f"{name} {most}" for name, most in zip(names, found.max_nnei, strict=True))
    log.info(
        "neighbor statistics of %d frames: smallest distance %.4f Å; most neighbors within %g Å: %s, in all %d.",
        found.nframes,
        found.min_distance,
        rcut,
        counts,
        found.max_total,
    )


def _descriptors(descriptor: dict) -> Iterator[dict]:
    """The descriptors with a ``sel``, those in a hybrid one by one."""
    for part in descriptor.get("list", ()):
        yield from _descriptors(part)
    if "sel" in descriptor:
        yield descriptor
