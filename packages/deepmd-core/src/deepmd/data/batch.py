# SPDX-License-Identifier: LGPL-3.0-or-later
"""A batch of frames and what a model or a loss asks of the data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from deepmd.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    Problem = Callable[[np.ndarray, np.ndarray], tuple[int, str] | None]
    """The first frame with something wrong and a clause, of values and types of atoms, (nframes, natoms)."""


def file_names(key: str) -> tuple[str, ...]:
    """The names that an item may have on disk, without ending: ``atom_x`` may be ``atomic_x``."""
    return (key, "atomic_" + key.removeprefix("atom_")) if key.startswith("atom_") else (key,)


def label_name(key: str) -> str:
    """A label with the names that its file may have."""
    first, *others = file_names(key)
    return f"{first} (or {others[0]})" if others else first


@dataclass(frozen=True)
class DataRequirement:
    """An item of the data that a model or a loss needs.

    Attributes
    ----------
    key : str
        File name without ending: ``energy`` for ``set.*/energy.npy``.
    ndof : int
        Numbers per frame, or per atom where ``atomic``.
    atomic : bool
        Whether there is one value per atom.
    must : bool
        Whether a system without it is an error; else it is filled with ``default`` and ``Batch.found`` is False.
    repeat : int
        Each number is repeated so many times (``atom_pref``: 3).
    default : float
        Value where it is missing.
    high_precision : bool
        Kept in float64 whatever the model's precision.
    selected_types : tuple of int or None
        Types whose atoms have it, where atomic; None: all. A file may hold all atoms, or these only, in their order;
        a batch's label has all atoms, and zeros for those that the file lacks.
    of_pairs : bool
        Whether, where atomic, an atom has its numbers with each atom of the frame: those of a Hessian.
    problem : callable or None
        Finds the first frame whose numbers can't be, see `System.check`; None: any finite ones will do.
    """

    key: str
    ndof: int
    atomic: bool = False
    must: bool = False
    repeat: int = 1
    default: float = 0.0
    high_precision: bool = False
    selected_types: tuple[int, ...] | None = None
    of_pairs: bool = False
    problem: Problem | None = None

    @property
    def file_names(self) -> tuple[str, ...]:
        """See `file_names`."""
        return file_names(self.key)

    def width(self, natoms: int) -> int:
        """Numbers per frame, or per atom where ``atomic``, in a frame of so many atoms."""
        return self.ndof * natoms if self.of_pairs else self.ndof


@dataclass(frozen=True)
class Batch:
    """Frames of one system, all with the same number of atoms.

    Attributes
    ----------
    coord : np.ndarray, (nframes, natoms, 3) float64 [Å]
    box : np.ndarray or None, (nframes, 3, 3) float64 [Å]
        Rows are cell vectors; None: open boundaries.
    atype : np.ndarray, (nframes, natoms) int64
        Index into the model's type map; -1: virtual atom (mixed-type padding).
    labels : dict[str, np.ndarray]
        Each required item: (nframes, ndof) or, where atomic, (nframes, natoms, ndof). Units: eV, Å.
    found : dict[str, bool]
        Whether the item is in the data; else its label holds the default.
    system : str
        Name of the system, for messages.
    frames : np.ndarray, (nframes,) int64
        Numbers of the frames within the system.
    mixed_types : bool
        Whether the types differ between frames.
    merged : bool
        Whether the frames come from several systems; `frames` then numbers them within all the data.
    """

    coord: np.ndarray
    box: np.ndarray | None
    atype: np.ndarray
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    found: dict[str, bool] = field(default_factory=dict)
    system: str = ""
    frames: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    mixed_types: bool = False
    merged: bool = False

    @property
    def nframes(self) -> int:
        """Number of frames."""
        return len(self.coord)

    @property
    def natoms(self) -> int:
        """Atoms of a frame, virtual ones included."""
        return int(self.coord.shape[1])


def check_meaning(batch: Batch, key: str, problem: Problem) -> None:
    """Raises DataError that names the first frame of a batch with something wrong in an item."""
    found = problem(batch.labels[key], batch.atype)
    if found is not None:
        raise DataError(f"system {batch.system}: {key} of frame {batch.frames[found[0]]} {found[1]}.")
