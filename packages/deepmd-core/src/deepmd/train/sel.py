# SPDX-License-Identifier: LGPL-3.0-or-later
"""The key ``sel``: numbers for ``auto``, and a warning where given numbers are too small for the data."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

from deepmd.data.neighbor_statistics import NeighborStatistics, neighbor_statistics
from deepmd.errors import DataError, InputError
from deepmd.registry import MODEL, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deepmd.check import Distances
    from deepmd.data import System
    from deepmd.data.neighbor_statistics import FrameStatistics, NeighborStat
    from deepmd.registry import Part, SelKey

log = logging.getLogger(__name__)


def settle_sel(
    model: dict[str, Any], systems: list[System], neighbor_stat: NeighborStat, distances: Distances | None = None
) -> float | None:
    """Replaces ``sel: auto`` and its like in the model section by numbers, and warns where numbers are too small.

    Which keys there are is known to the rows of the registry (`Row.sel_keys`).

    What is found of the frames goes to ``distances`` too, with the largest cut-off.

    ``auto:F`` is F times the most neighbors found, rounded down, then up to a multiple of 4; ``auto`` is ``auto:1.1``.

    Returns
    -------
    float or None
        Smallest distance of two atoms [Å]; None where no part counts neighbors.

    Raises
    ------
    DataError
        No atom has a neighbor within the cut-off.
    """
    names = model["type_map"]
    found: dict[float, NeighborStatistics] = {}
    largest = largest_cutoff(model)

    def watch(frame: FrameStatistics) -> None:
        if distances is not None:
            distances.add(frame, names)

    sees_groups = any(part.row.sees_groups for part in walk(MODEL, model, "model"))
    for part, key in _sel_keys(model):
        if key.rcut not in found:
            parameters = systems, key.rcut, len(names), neighbor_stat
            found[key.rcut] = neighbor_statistics(*parameters, watch if key.rcut == largest else None)
            if found[key.rcut].max_total == 0:
                raise DataError(_no_neighbors(systems, key.rcut, len(names), neighbor_stat))
            _report(found[key.rcut], key.rcut, names)
        _settle_one(part, key, found[key.rcut], names, sees_groups=sees_groups)
    smallest = min((statistics.min_distance for statistics in found.values()), default=math.inf)
    return smallest if math.isfinite(smallest) else None


def largest_cutoff(model: dict[str, Any]) -> float | None:
    """That of the parts that count neighbors [Å]; None where none does."""
    return max((key.rcut for _, key in _sel_keys(model)), default=None)


def check_sel_is_settled(model: dict[str, Any]) -> None:
    """Raises InputError where ``sel`` is ``auto`` and nothing will find its value."""
    for part, key in _sel_keys(model):
        sel = part.value(key.path)
        if isinstance(sel, str):
            raise InputError(
                f"{part.where}/{key.path} {sel!r} needs the neighbor statistics: leave out --skip-neighbor-stat."
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


def _no_neighbors(systems: list[System], rcut: float, ntypes: int, neighbor_stat: NeighborStat) -> str:
    """What to say where no atom has a neighbor: with the distance that there is, if it is up to 16 times as far."""
    for factor in (2, 4, 8, 16):
        nearest = neighbor_statistics(systems, factor * rcut, ntypes, neighbor_stat).min_distance
        if math.isfinite(nearest):
            distance = f"the smallest distance of two atoms is {nearest:.3g} Å"
            break
    else:
        distance = f"there is none within {16 * rcut:g} Å either"
    return (
        f"no atom of the training data has a neighbor within {rcut:g} Å, so there is nothing to learn; {distance}. "
        "Look at the units (coordinates and rcut are in Å), or give a larger rcut."
    )


def _settle_one(part: Part, key: SelKey, found: NeighborStatistics, names: list[str], *, sees_groups: bool) -> None:
    where, sel = f"{part.where}/{key.path}", part.value(key.path)
    by_name = dict(zip(names, map(int, found.max_nnei), strict=True))
    most = {name: by_name.get(name, 0) for name in part.type_map or names}
    if isinstance(sel, str):
        settled = [auto_sel(sel, one) for one in most.values()] if key.by_type else auto_sel(sel, found.max_total)
        _put(part.section, key.path, settled)
        log.info("%s %r is set to %s.", where, sel, settled)
        if sees_groups:
            log.warning("%s is counted in whole frames; the model sees groups of their atoms: give fewer.", where)
    elif key.is_used and not sees_groups:
        _warn_if_small(sel, key, most, found.max_total, where)


def _warn_if_small(sel: int | list[int], key: SelKey, most: dict[str, int], most_of_all: int, where: str) -> None:
    if key.by_type and isinstance(sel, list):
        counts = zip(most.items(), sel, strict=False)
        small = [f"{name} {given} (found {number})" for (name, number), given in counts if 0 < given < number]
    else:
        given = sum(sel) if isinstance(sel, list) else sel
        small = [f"{given} (found {most_of_all})"] if given < most_of_all else []
    if small:
        log.warning(
            "%s is too small: %s neighbors within %g Å. All of them count here; "
            "deepmd-kit would leave out the farthest, so the model gives other numbers there. Give larger numbers or "
            "`auto`.",
            where,
            ", ".join(small),
            key.rcut,
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


def _sel_keys(model: dict[str, Any]) -> Iterator[tuple[Part, SelKey]]:
    """The keys that say how many neighbors the parts of a model are made for."""
    for part in walk(MODEL, model, "model"):
        for key in part.row.sel_keys(part.section):
            yield part, key


def _put(section: dict[str, Any], path: str, value: int | list[int]) -> None:
    *outer, name = path.split("/")
    for key in outer:
        section = section[key]
    section[name] = value
