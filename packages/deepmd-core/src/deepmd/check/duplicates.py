# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frames that training and validation data share: errors on them tell nothing of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd.check.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deepmd.data import System


def shared_frames(training: list[System], validation: list[System]) -> Iterator[Finding]:
    """Says how many frames of the validation data are in the training data too, by their coordinates.

    Only frames are read whose number of atoms, and energy where both have energies, occurs in the other data.
    """
    sizes = {system.natoms for system in validation}
    known: dict[int, tuple[str, int]] = {}
    for system in training:
        if system.natoms in sizes:
            others = [other for other in validation if other.natoms == system.natoms]
            frames = _candidates(system, others)
            known |= {key: (system.name, int(f)) for key, f in zip(_fingerprints(system, frames), frames, strict=True)}
    shared: list[tuple[str, int, int]] = []
    for system in validation:
        frames = _candidates(system, [other for other in training if other.natoms == system.natoms])
        pairs = zip(_fingerprints(system, frames), frames.tolist(), strict=True)
        shared += [(system.name, frame, key) for key, frame in pairs if key in known]
    if shared:
        name, frame, key = shared[0]
        nframes = sum(system.nframes for system in validation)
        yield Finding(
            "duplicates",
            f"{len(shared)} of {nframes} frames of the validation data are in the training data too (the "
            f"first: frame {frame} of {name} is frame {known[key][1]} of {known[key][0]}): errors on them "
            "don't tell how good the model is for new ones; take others out of the data.",
        )


def _candidates(system: System, others: list[System]) -> np.ndarray:
    """Numbers of the frames that may be in others."""
    frames = np.arange(system.nframes)
    if not others:
        return frames[:0]
    if not all(each.has_label("energy") for each in (system, *others)):
        return frames
    return frames[np.isin(system.column("energy"), np.concatenate([other.column("energy") for other in others]))]


def _fingerprints(system: System, frames: np.ndarray) -> list[int]:
    """A number for each frame, the same where the coordinates are the same in single precision."""
    weights = np.random.default_rng(0).integers(1, 2**63, 3 * system.natoms, dtype=np.uint64) | np.uint64(1)
    found: list[int] = []
    for batch in system.batches(max(1, 100_000 // system.natoms), frames):
        bits = batch.coord.reshape(batch.nframes, -1).astype(np.float32).view(np.uint32).astype(np.uint64)
        found += (bits * weights).sum(axis=1, dtype=np.uint64).tolist()
    return found
