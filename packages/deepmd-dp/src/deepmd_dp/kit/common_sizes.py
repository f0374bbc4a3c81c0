# SPDX-License-Identifier: LGPL-3.0-or-later
"""A few common sizes of all arrays, for frameworks that compile a program for each: which of them serves what."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

Sizes = dict[str, int]
"""Names of open sizes, as `deepmd_dp.kit.signature` has them, to numbers."""

MOST_SIZES = 24
"""Sets of sizes that are remembered: the one longest unused is forgotten."""
_FINE = 8
_LEVELS = ((3, _FINE, 1.25), (6, 4, 1.6), (9, 2, 2.5), (MOST_SIZES + 1, 1, 6.0))
"""While there are fewer sets than the first number, new ones are rounded up to so many sizes from one power of two to
the next, and a set serves what it makes at most so many times dearer. Whoever has frames of one size finds a set made
for them; whoever has a hundred sizes waits for calculation, not for compilers."""


def round_up(size: int, steps: int = _FINE, least: int = 16) -> int:
    """The next of a few sizes, `steps` of them from one power of two to the next.

    Examples
    --------
    >>> [round_up(n) for n in (3, 17, 100, 192, 193)]
    [16, 18, 104, 192, 208]
    """
    if size <= least:
        return least
    step = max(1, (1 << (size - 1).bit_length()) // (2 * steps))
    return -(-size // step) * step


class CommonSizes:
    """The sets of sizes that programs were made for."""

    def __init__(self) -> None:
        self._met: list[Sizes] = []  # the one used last comes last
        self._lock = Lock()

    def choose(self, needed: Sizes, fixed: set[str], rounded: Callable[[int], Sizes]) -> Sizes:
        """A set that holds all and wastes little: one met before, else a new one.

        Parameters
        ----------
        needed : dict
        fixed : set of str
            Names of sizes that must be what they are.
        rounded : callable
            Gives what is needed, rounded up in so many steps from one power of two to the next.
        """
        with self._lock:
            steps, most = next((steps, most) for count, steps, most in _LEVELS if len(self._met) < count)
            fine = rounded(_FINE)

            def cost(met: Sizes) -> tuple[float, int]:
                return _waste(met, fine), met.get("nall", 0)

            possible = [met for met in self._met if all(met[name] == needed[name] for name in fixed)]
            serving = [met for met in possible if _holds(met, needed) and _waste(met, fine) <= most]
            if serving:
                chosen = min(serving, key=cost)
                self._met.remove(chosen)
            else:
                chosen = rounded(steps)
                for met in reversed(possible if steps < _FINE else []):
                    both = _union(chosen, met)
                    chosen = both if _waste(both, fine) <= most else chosen
            self._met = [*self._met, chosen][-MOST_SIZES:]
            return chosen


def _holds(met: Sizes, needed: Sizes) -> bool:
    return all(size <= met[name] for name, size in needed.items())


def _union(one: Sizes, other: Sizes) -> Sizes:
    """What holds both."""
    both = {name: max(size, other[name]) for name, size in one.items()}
    return both | {"nframes*nloc": both["nframes"] * both["nloc"]}


def _waste(met: Sizes, fine: Sizes) -> float:
    """How many times dearer a calculation gets: by its atoms, its neighbors or its atoms of each type."""
    return max(m / f for m, f in zip(_work(met), _work(fine), strict=True))


def _work(sizes: Sizes) -> tuple[int, int, int]:
    natoms = sizes["nframes"] * sizes["nloc"]
    slots = sum(size for name, size in sizes.items() if name.startswith("nnei_"))
    of_types = sum(size for name, size in sizes.items() if name.startswith("natoms_"))
    return max(natoms, 1), max(natoms * slots, 1), max(of_types, 1)
