# SPDX-License-Identifier: LGPL-3.0-or-later
"""Atom types by name: from a system's own numbering to the model's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd.errors import DataError
from deepmd.limits import MOST_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deepmd.data.source import Source


def read_types(source: Source) -> np.ndarray:
    """The types in ``type.raw``, (natoms,) int64, in the system's own numbering."""
    words = source.words("type.raw")
    if not words:
        raise DataError(f"system {source.name}: type.raw is missing or empty; it lists the type of each atom.")
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError as error:
        raise DataError(f"system {source.name}: type.raw must hold integers ({error}).") from error
    types = np.where(np.abs(numbers) <= MOST_TYPES, numbers, 0.5).astype(np.int64)  # false for NaN too
    if not np.array_equal(types, numbers):
        wrong = words[int(np.argmax(types != numbers))]
        raise DataError(f"system {source.name}: type.raw holds {wrong}; expected integers up to {MOST_TYPES}.")
    if types.min() < 0:
        raise DataError(f"system {source.name}: type.raw holds {types.min()}, expected types from 0.")
    return types


def check_types(types: np.ndarray, first: int, where: str) -> None:
    """Raises DataError for types of frames, (nframes, natoms), that are no integers, or where no atom is real."""
    broken = types != np.rint(types)
    if broken.any():
        row, atom = np.argwhere(broken)[0]
        raise DataError(
            f"{where}: frame {first + row}, atom {atom} has the type {types[row, atom]}; expected integers."
        )
    empty = np.flatnonzero((types < 0).all(axis=1))
    if len(empty):
        raise DataError(f"{where}: frame {first + empty[0]} has virtual atoms only (type -1); leave it out.")


def type_names(source: Source, types: np.ndarray) -> list[str]:
    """The system's own type map, made up (``Type_0``, ...) where it has none."""
    return source.words("type_map.raw") or [f"Type_{i}" for i in range(int(types.max()) + 1)]


class TypeMapping:
    """Turns a system's type numbers into the model's, by the elements' names.

    Parameters
    ----------
    source : Source
        Its ``type_map.raw`` names the system's types; without it the model's order is taken.
    type_map : list of str
        Names of the model's types.
    """

    def __init__(self, source: Source, type_map: list[str]) -> None:
        self.name = source.name
        self.type_map = type_map
        self.names = source.words("type_map.raw") or type_map
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise DataError(
                f"system {self.name}: type_map.raw names {', '.join(twice)} twice; expected each name once."
            )
        position = {name: index for index, name in enumerate(type_map)}
        self._table = np.array([position.get(name, -2) for name in self.names] + [-1], dtype=np.int64)

    def check(self, used: Iterable[int], where: str) -> None:
        """Raises DataError if a type number that is used has no name, or a name that the model lacks."""
        numbers = sorted(int(number) for number in used)
        outside = [number for number in numbers if not -1 <= number < len(self.names)]
        if outside:
            raise DataError(f"{where}: type {outside[-1]}, but the type map has {len(self.names)} names: {self.names}.")
        unknown = [self.names[number] for number in numbers if self._table[number] == -2]
        if unknown:
            raise DataError(
                f"{where}: {', '.join(unknown)} not in the model's type_map {self.type_map}; leave the system out, or "
                "add to type_map in the input of a new training: a trained model knows no others."
            )

    def __call__(self, types: np.ndarray) -> np.ndarray:
        """The model's type numbers; -1 (virtual atom) stays -1."""
        numbers: np.ndarray = self._table[types]
        return numbers
