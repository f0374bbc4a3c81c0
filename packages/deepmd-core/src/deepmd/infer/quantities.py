# SPDX-License-Identifier: LGPL-3.0-or-later
"""Quantities that `dp test` compares: how they are shown, labels beside predictions, and their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable


class Panel(NamedTuple):
    """How a quantity is drawn."""

    title: str
    unit: str
    is_centered: bool = False
    """Whether the mean of the labels is taken off, since only differences mean something."""


class Quantity(NamedTuple):
    """How a quantity is shown."""

    key: str
    title: str
    """The text before the numbers; ``{}`` stands for MAE or RMSE."""
    unit: str
    short: str
    """Ending of the keys ``mae_...`` and ``rmse_...``."""
    columns: tuple[str, ...] = ()
    suffix: str | None = None
    """Ending of its detail file."""
    panel: Panel | None = None
    """How it is drawn; None: it is not."""
    in_picture: bool = True
    """Whether `dp test --plot` draws it; one that says the same as another is drawn of its detail file only."""
    part_of: tuple[str, str] | None = None
    """The key of the quantity whose part it is, and of what the part is: ``("force", "O")``."""


class Pair(NamedTuple):
    """Labels and predictions of one quantity, each (rows, columns).

    Attributes
    ----------
    label, prediction : np.ndarray
    weight : np.ndarray or None
        Where they are not all ones.
    frames : np.ndarray or None
        Rows of each frame, where a detail file has a line a frame.
    """

    label: np.ndarray
    prediction: np.ndarray
    weight: np.ndarray | None = None
    frames: np.ndarray | None = None


@dataclass
class Error:
    """The error of a quantity as sums, so that the errors of batches and systems add up exactly."""

    absolute: float = 0.0
    square: float = 0.0
    weight: float = 0.0

    @classmethod
    def of(cls, pair: Pair) -> Error:
        """The error of one pair."""
        difference = np.abs(pair.prediction - pair.label)
        weight = np.ones_like(difference) if pair.weight is None else pair.weight
        return cls(float(np.sum(weight * difference)), float(np.sum(weight * difference**2)), float(np.sum(weight)))

    def __add__(self, other: Error) -> Error:
        return Error(self.absolute + other.absolute, self.square + other.square, self.weight + other.weight)

    @property
    def mae(self) -> float:
        """Mean absolute error; 0 where all weights are 0."""
        return self.absolute / self.weight if self.weight else 0.0

    @property
    def rmse(self) -> float:
        """Root mean square error; 0 where all weights are 0."""
        return float(np.sqrt(self.square / self.weight)) if self.weight else 0.0


def add_errors(errors: Iterable[dict[str, Error]]) -> dict[str, Error]:
    """The errors of several batches or systems as one; each quantity counts where it was found."""
    total: dict[str, Error] = {}
    for some in errors:
        for key, error in some.items():
            total[key] = total.get(key, Error()) + error
    return total


def report(errors: dict[str, Error], quantities: Iterable[Quantity]) -> list[str]:
    """The errors as lines, in deepmd-kit's form."""
    lines = []
    for quantity in quantities:
        if quantity.key in errors:
            error = errors[quantity.key]
            for kind, value in (("MAE", error.mae), ("RMSE", error.rmse)):
                lines.append(f"{quantity.title.format(kind):<19}: {value:e} {quantity.unit}".rstrip())
    return lines


def parts_of(key: str, errors: dict[str, Error], quantities: Iterable[Quantity]) -> dict[str, Error]:
    """The errors of a quantity's parts by their names, ``{"H": ..., "O": ...}``."""
    parts = [each for each in quantities if each.part_of and each.part_of[0] == key]
    return {each.part_of[1]: errors[each.key] for each in parts if each.part_of and each.key in errors}


def as_numbers(errors: dict[str, Error], quantities: Iterable[Quantity]) -> dict[str, float]:
    """The errors by deepmd-kit's short keys: ``mae_e``, ``rmse_e``, ``rmse_ea``, ``rmse_f``, ..."""
    numbers = {}
    for quantity in quantities:
        if quantity.key in errors:
            numbers[f"mae_{quantity.short}"] = errors[quantity.key].mae
            numbers[f"rmse_{quantity.short}"] = errors[quantity.key].rmse
    return numbers
