# SPDX-License-Identifier: LGPL-3.0-or-later
"""What `dp test` compares: the quantities, their labels beside their predictions, and their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deepmd.data import Batch

TENSOR = tuple(row + column for row in "xyz" for column in "xyz")


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


QUANTITIES = (
    Quantity("energy", "Energy {}", "eV", "e", ("e",), ".e.out"),
    Quantity("energy_per_atom", "Energy {}/Natoms", "eV", "ea", ("e",), ".e_peratom.out"),
    Quantity("force", "Force  {}", "eV/Å", "f", ("fx", "fy", "fz"), ".f.out"),
    Quantity("weighted_force", "Force weighted {}", "eV/Å", "fw"),
    Quantity("virial", "Virial {}", "eV", "v", tuple(f"v{ij}" for ij in TENSOR), ".v.out"),
    Quantity("virial_per_atom", "Virial {}/Natoms", "eV", "va", tuple(f"v{ij}" for ij in TENSOR), ".v_peratom.out"),
    Quantity("stress", "Stress {}", "eV/Å³", "s", tuple(f"s{ij}" for ij in TENSOR), ".s.out"),
    Quantity("atom_energy", "Atomic ener {}", "eV", "ae"),
)


class Pair(NamedTuple):
    """Labels and predictions of one quantity, each (rows, columns); ``weight`` (rows, columns) where not all ones."""

    label: np.ndarray
    prediction: np.ndarray
    weight: np.ndarray | None = None


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


def pair_up(batch: Batch, predictions: tuple[np.ndarray, ...]) -> dict[str, Pair]:
    """Labels beside predictions of all quantities whose labels are in the data.

    Virtual atoms are left out, and numbers per atom are those per real atom. Virials and stresses (-virial/volume)
    are compared in periodic systems only.

    Parameters
    ----------
    batch : Batch
        Frames with the labels ``energy``, ``force``, ``virial``, ``atom_pref``, and, where compared, ``atom_ener``.
    predictions : tuple of np.ndarray
        What `DeepPot.eval` gives; with atomic energies where they are compared.
    """
    is_real = batch.atype >= 0
    natoms = is_real.sum(axis=1)[:, None]
    pairs = {}
    if batch.found["energy"]:
        pairs |= _with_per_atom("energy", Pair(batch.labels["energy"], predictions[0]), natoms)
    if batch.found["force"]:
        pairs["force"] = Pair(batch.labels["force"][is_real], predictions[1][is_real])
    if batch.found["force"] and batch.found["atom_pref"]:
        pairs["weighted_force"] = Pair(*pairs["force"][:2], batch.labels["atom_pref"][is_real])
    if batch.found["virial"] and batch.box is not None:
        virial = Pair(batch.labels["virial"], predictions[2])
        volume = np.abs(np.linalg.det(batch.box))[:, None]
        pairs |= _with_per_atom("virial", virial, natoms)
        pairs["stress"] = Pair(-virial.label / volume, -virial.prediction / volume)
    if batch.found.get("atom_ener"):
        pairs["atom_energy"] = Pair(batch.labels["atom_ener"][is_real], predictions[3][is_real])
    return pairs


def _with_per_atom(key: str, pair: Pair, natoms: np.ndarray) -> dict[str, Pair]:
    return {key: pair, f"{key}_per_atom": Pair(pair.label / natoms, pair.prediction / natoms)}


def add_errors(errors: Iterable[dict[str, Error]]) -> dict[str, Error]:
    """The errors of several batches or systems as one; each quantity counts where it was found."""
    total: dict[str, Error] = {}
    for some in errors:
        for key, error in some.items():
            total[key] = total.get(key, Error()) + error
    return total


def report(errors: dict[str, Error]) -> list[str]:
    """The errors as lines, in deepmd-kit's form."""
    lines = []
    for quantity in QUANTITIES:
        if quantity.key in errors:
            error = errors[quantity.key]
            for kind, value in (("MAE", error.mae), ("RMSE", error.rmse)):
                lines.append(f"{quantity.title.format(kind):<19}: {value:e} {quantity.unit}")
    return lines


def as_numbers(errors: dict[str, Error]) -> dict[str, float]:
    """The errors by deepmd-kit's short keys: ``mae_e``, ``rmse_e``, ``rmse_ea``, ``rmse_f``, ..."""
    numbers = {}
    for quantity in QUANTITIES:
        if quantity.key in errors:
            numbers[f"mae_{quantity.short}"] = errors[quantity.key].mae
            numbers[f"rmse_{quantity.short}"] = errors[quantity.key].rmse
    return numbers
