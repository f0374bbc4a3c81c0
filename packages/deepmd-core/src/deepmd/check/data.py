# SPDX-License-Identifier: LGPL-3.0-or-later
"""All checks of data, each frame read once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deepmd.check.duplicates import shared_frames
from deepmd.check.energies import EnergyFit, energy_groups
from deepmd.check.forces import Forces
from deepmd.check.structure import boundaries
from deepmd.check.virials import Virials

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deepmd.check.distances import Distances
    from deepmd.check.finding import Finding
    from deepmd.data import Batch, System

MOST_ATOMS = 500_000
"""Atoms whose forces are looked at in all, as of the neighbor statistics."""
BLOCK = 16
"""Frames in a row of which some are taken where not all are: neighbors in time are compared."""
ATOMS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Report:
    """What the checks found.

    Attributes
    ----------
    findings : list of Finding
    fit : EnergyFit or None
        None where no system has energies.
    forces : Forces
    """

    findings: list[Finding]
    fit: EnergyFit | None
    forces: Forces


def check_data(
    training: list[System],
    names: Sequence[Sequence[str]],
    validation: list[System] | None = None,
    distances: Distances | None = None,
) -> Report:
    """Looks for what data can't be.

    Parameters
    ----------
    training : list of System
        Their labels ``energy``, ``force`` and, beside them, ``virial`` are looked at where they are required and found.
    names : sequence of sequence of str
        Of each system, the names of its types.
    validation : list of System, optional
        Its frames are compared with those of training.
    distances : Distances, optional
        What the neighbor statistics found.
    """
    pairs = list(zip(training, names, strict=True))
    groups = [group for system, own in pairs if system.has_label("energy") for group in energy_groups(system, own)]
    fit = EnergyFit.of(groups) if groups else None
    forces, virials = Forces(), Virials()
    for batch, own in _some_forces(pairs):
        forces.add(batch, own)
        virials.add(batch)
    findings = list(distances.findings()) if distances else []
    findings += fit.findings() if fit else []
    findings += forces.findings(fit, lengths_are_right=distances is None or distances.units_are_right())
    findings += virials.findings()
    findings += boundaries(training)
    findings += shared_frames(training, validation or [])
    return Report(findings, fit, forces)


def _some_forces(pairs: list[tuple[System, Sequence[str]]]) -> Iterator[tuple[Batch, Sequence[str]]]:
    """Frames with forces, with at most `MOST_ATOMS` atoms in all but some of each system, and the names of types."""
    labelled = [(system, own) for system, own in pairs if system.has_label("force")]
    part = MOST_ATOMS / max(1, sum(system.nframes * system.natoms for system, _ in labelled))
    for system, own in labelled:
        size = max(2, min(4 * BLOCK, ATOMS_AT_ONCE // system.natoms))
        for batch in system.batches(size, _blocks(system.nframes, part)):
            yield batch, own


def _blocks(nframes: int, part: float) -> np.ndarray:
    """Numbers of frames, a part of all in blocks that are evenly spread."""
    if part >= 1:
        return np.arange(nframes)
    count = max(1, int(part * nframes / BLOCK))
    starts = np.linspace(0, max(0, nframes - BLOCK), count).astype(int)
    return np.unique((starts[:, None] + np.arange(BLOCK)).clip(max=nframes - 1))
