# SPDX-License-Identifier: LGPL-3.0-or-later
"""The rules of the key ``batch_size``."""

from __future__ import annotations

from dataclasses import dataclass

from deepmd.errors import InputError

EXPECTED = 'expected an integer, a list with one integer per system, "auto", "auto:N", "max:N", "filter:N" or "mixed:N"'


@dataclass(frozen=True)
class BatchSizes:
    """How many frames a batch of each system has.

    Attributes
    ----------
    sizes : list of int
        Frames in a batch, for each system kept.
    kept : list of int
        Numbers of the systems that are used: ``filter:N`` drops those with more than N atoms.
    mixed : bool
        Whether a batch mixes frames of several systems (``mixed:N``).
    """

    sizes: list[int]
    kept: list[int]
    mixed: bool = False


def resolve_batch_sizes(rule: int | list[int] | str, natoms: list[int]) -> BatchSizes:
    """Applies a rule to systems with these numbers of atoms.

    ``auto:N``: the least number of frames with at least N atoms in all (``auto`` is ``auto:32``); ``max:N``: the
    most frames with at most N atoms in all, but one at least; ``filter:N``: as ``max:N`` for the systems of at most
    N atoms, the others are left out; ``mixed:N``: N frames, each from a system of its own.

    Raises
    ------
    InputError
        Unknown rule, a list of the wrong length, a size below 1, or a filter that leaves nothing.
    """
    everything = list(range(len(natoms)))
    if isinstance(rule, str):
        return _from_word(rule, natoms)
    sizes = list(rule) if isinstance(rule, list) else [rule] * len(natoms)
    if len(sizes) != len(natoms):
        raise InputError(f"batch_size is a list of {len(sizes)}, but there are {len(natoms)} systems.")
    if min(sizes) < 1:
        raise InputError(f"batch_size {min(sizes)}: a batch holds at least one frame.")
    return BatchSizes(sizes, everything)


def _from_word(rule: str, natoms: list[int]) -> BatchSizes:
    name, number = _split(rule)
    everything = list(range(len(natoms)))
    if name == "auto":
        return BatchSizes([-(-number // n) for n in natoms], everything)
    if name == "mixed":
        return BatchSizes([number] * len(natoms), everything, mixed=True)
    kept = [i for i in everything if name == "max" or natoms[i] <= number]
    if not kept:
        raise InputError(f"batch_size {rule!r} drops every system: the smallest has {min(natoms)} atoms.")
    return BatchSizes([max(1, number // natoms[i]) for i in kept], kept)


def _split(rule: str) -> tuple[str, int]:
    name, _, number = rule.partition(":")
    if rule == "auto":
        return name, 32
    if name not in ("auto", "max", "filter", "mixed") or not number.isdigit() or int(number) < 1:
        raise InputError(f"batch_size {rule!r}: {EXPECTED}.")
    return name, int(number)
