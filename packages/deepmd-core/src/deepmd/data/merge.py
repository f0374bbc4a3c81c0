# SPDX-License-Identifier: LGPL-3.0-or-later
"""One batch out of frames with different numbers of atoms (``batch_size: mixed:N``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd.data.batch import Batch
from deepmd.errors import DataError

if TYPE_CHECKING:
    from deepmd.data.system import System


def check_mergeable(systems: list[System]) -> None:
    """Raises DataError unless frames of all systems can be in one batch: same periodicity, same labels."""
    first = systems[0]
    for system in systems[1:]:
        if system.pbc != first.pbc:
            raise DataError(f"batch_size mixed:N: {first.name} and {system.name} differ in periodicity.")
        pairs = [item.key for item in system.requirements if item.of_pairs and system.found[item.key]]
        if pairs:
            raise DataError(f"batch_size mixed:N: {pairs[0]} does not go into a batch of frames of several sizes.")
        differing = [key for key, found in system.found.items() if found != first.found[key]]
        if differing:
            raise DataError(
                f"batch_size mixed:N: only one of {first.name} and {system.name} has {', '.join(differing)}."
            )


def merge_frames(batches: list[Batch], numbers: list[int]) -> Batch:
    """Joins single frames; shorter ones are padded with virtual atoms (type -1, the rest 0).

    Parameters
    ----------
    batches : list of Batch
        One frame each.
    numbers : list of int
        The frames' numbers within all the data, unlike `Batch.frames`, which a batch of several systems cannot hold.
    """
    natoms = max(batch.natoms for batch in batches)
    first = batches[0]
    atomic = {key for key, label in first.labels.items() if label.ndim == 3}
    labels = {
        key: np.concatenate([_pad(b.labels[key], natoms) if key in atomic else b.labels[key] for b in batches])
        for key in first.labels
    }
    return Batch(
        coord=np.concatenate([_pad(batch.coord, natoms) for batch in batches]),
        box=None if first.box is None else np.concatenate([batch.box for batch in batches]),
        atype=np.concatenate([_pad(batch.atype, natoms, -1) for batch in batches]),
        labels=labels,
        found=first.found,
        system=", ".join(f"{batch.system} frame {batch.frames[0]}" for batch in batches),
        frames=np.asarray(numbers, dtype=np.int64),
        mixed_types=True,
        merged=True,
    )


def _pad(values: np.ndarray, natoms: int, filling: float = 0) -> np.ndarray:
    """Lengthens the axis of the atoms, the second one, to ``natoms``."""
    missing = natoms - values.shape[1]
    widths = [(0, 0), (0, missing)] + [(0, 0)] * (values.ndim - 2)
    return np.pad(values, widths, constant_values=filling)
