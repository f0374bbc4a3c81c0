# SPDX-License-Identifier: LGPL-3.0-or-later
"""Forces: their sizes, and whether energies rise along ways against them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from deepmd.check.bonds import Bonds
from deepmd.check.finding import Finding, some_names
from deepmd.check.images import minimum_image
from deepmd.check.units import BOLTZMANN, FORCES, SLOPES, near_units

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from deepmd.check.energies import EnergyFit
    from deepmd.data import Batch

LARGEST = 300.0
"""[eV/Å] N2, the strongest bond, reaches it when it is pressed together by 0.4 Å at 37 eV; data of combustion have
150."""
LARGEST_RMS = 40.0
"""[eV/Å] By equipartition <F²> = kT k, with k = 20 eV/Å² of a light atom: far beyond 100,000 K; radicals torn apart
have 16, water in kJ/mol/Å 80."""
NEAR = 0.5
"""[Å] Frames no atom of which has moved farther are compared by their energies."""
CERTAIN = 0.9
"""Correlation of two quantities from which on the one is taken to tell the other."""
SOFT, STIFF, USUAL = 3.0, 300.0, 40.0
"""[eV/Å²] Bonds of H, C, N, O and F have 10 (O-H in a strong hydrogen bond) to 140 (N2), many some 40."""
SOME_WAY = 1e-3
"""[Å], or parts of the cell: more than rounding."""
FEW = 4
"""Less pairs of near frames tell nothing."""
LITTLE = 0.06
"""Part of the thermal energy in the forces below which that in the energies is too small: 1/27 in Hartree."""


class Evidence:
    """What the forces of one system, or of some, tell.

    Attributes
    ----------
    bonds : Bonds
    is_idle : bool
        Whether there are no forces though atoms move; those of a perfect lattice, stretched or not, have none.
    """

    def __init__(self) -> None:
        self.bonds, self.is_idle = Bonds(), False
        # components and their squares; of near frames how many pairs, W², W ΔE, ΔE² and their atoms, W = F·Δr
        self._forces, self._changes = np.zeros(2), np.zeros(5)

    def add(self, batch: Batch, names: Sequence[str]) -> None:
        """Takes frames in that have forces, and maybe energies; their types have these names."""
        force = batch.labels["force"]
        self._forces += 3 * (batch.atype >= 0).sum(), (force**2).sum()
        self.bonds.add(batch, names)
        self.is_idle |= not force.any() and _have_moved(batch)
        if batch.found.get("energy") and batch.nframes > 1:
            self._compare(batch)

    def _compare(self, batch: Batch) -> None:
        """Takes in how energies change from frame to frame, and what the forces say of it."""
        force, box = batch.labels["force"], batch.box
        steps = minimum_image(np.diff(batch.coord, axis=0), None if box is None else box[1:])
        near = (np.linalg.norm(steps, axis=2).max(axis=1) < NEAR) & (batch.atype[1:] == batch.atype[:-1]).all(axis=1)
        if box is not None:
            near &= np.isclose(box[1:], box[:-1], rtol=0, atol=1e-6).all(axis=(1, 2))
        work = 0.5 * ((force[1:] + force[:-1]) * steps).sum(axis=(1, 2))[near]
        fall = -np.diff(batch.labels["energy"][:, 0])[near]
        natoms = (batch.atype >= 0).sum(axis=1)[1:][near]
        # a way without any work is the same frame twice
        self._changes += np.count_nonzero(work), work @ work, work @ fall, fall @ fall, natoms[work != 0].sum()

    def merge(self, other: Evidence) -> None:
        """Takes in what another one has."""
        self.bonds.merge(other.bonds)
        self.is_idle |= other.is_idle
        self._forces += other._forces
        self._changes += other._changes

    @property
    def rms(self) -> float:
        """Root mean square of the components [eV/Å]."""
        count, squares = self._forces
        return float(np.sqrt(squares / max(1, count)))

    def slope(self) -> tuple[float, float, float] | None:
        """-ΔE in multiples of the work F·Δr of near frames, how far they go together, and the atoms of a frame; None
        where no frames are near or nothing goes together."""
        count, works, product, falls, natoms = self._changes.tolist()
        if count < FEW or not works * falls > 0:
            return None
        correlation = product / (works * falls) ** 0.5
        return (product / works, correlation, natoms / count) if abs(correlation) > CERTAIN else None

    def is_telling(self) -> bool:
        """Whether it is enough to be judged by itself."""
        return self.slope() is not None or self.bonds.strongest() is not None

    def judge(self, thermal: float | None, lengths_are_right: bool) -> Finding | None:
        """What is wrong with units or sign.

        Parameters
        ----------
        thermal : float or None
            kT by the spread of the energies [eV]; see `EnergyFit.thermal`.
        lengths_are_right : bool
            Whether coordinates are in Å, as far as is known; else units are not judged.
        """
        wrong_size = self._by_size() if lengths_are_right else None
        if wrong_size is not None:
            return wrong_size
        slope = self.slope()
        if slope is not None:
            return self._by_slope(*slope, lengths_are_right)
        bond = self.bonds.pushed()
        if bond is not None:
            return _sign(f"atoms whose bond is stretched are pushed farther apart ({bond.name})")
        return self._by_spread(thermal) if thermal and lengths_are_right else None

    def _by_size(self) -> Finding | None:
        bond = self.bonds.strongest()
        if bond is not None and bond.is_organic and abs(bond.correlation) > CERTAIN:
            stiffness = abs(bond.stiffness)
            unit = near_units(stiffness / USUAL, {name: 1 / factor for name, factor in FORCES.items()}, 4.0)
            if not SOFT < stiffness < STIFF:
                return Finding(
                    "forces",
                    f"bonds {bond.name} have a stiffness of {stiffness:.3g} eV/Å² by their forces, where 10 "
                    f"to 140 is possible: the forces are probably in {unit or 'other units'}, but are taken "
                    "as eV/Å",
                )
        if self.rms > LARGEST_RMS:
            return Finding(
                "forces",
                f"the forces have a root mean square of {self.rms:.3g} eV/Å, as at far above 100,000 K: "
                "they are probably in kcal/mol/Å, kJ/mol/Å or kJ/mol/nm, but are taken as eV/Å",
            )
        return None

    def _by_slope(self, slope: float, correlation: float, natoms: float, judge_size: bool) -> Finding | None:
        if slope < 0:
            return _sign("energies of near frames fall along ways against the forces")
        tolerance, near = (1.4, 1.15) if correlation > 0.98 else (2.5, 1.3)
        if not judge_size or 1 / tolerance < slope < tolerance:
            return None
        cause = near_units(slope, SLOPES | {"energies of an atom, not of a frame": 1 / natoms}, near)
        return Finding(
            "forces",
            f"energies of near frames change by {slope:.3g} times what their forces tell: "
            + (f"probably {cause}" if cause else "they are in units that don't fit together"),
        )

    def _by_spread(self, thermal: float) -> Finding | None:
        """Energies that vary less than the forces let expect."""
        bond = self.bonds.strongest()
        if bond is None or bond.correlation > -0.5:
            return None
        # a bond's stiffness is about twice what an atom feels along an axis
        expected = 2 * self.rms**2 / bond.stiffness
        if thermal > LITTLE * expected:
            return None
        return Finding(
            "energies",
            f"energies vary as at {thermal / BOLTZMANN:.0f} K, forces as at {expected / BOLTZMANN:.0f} K: "
            "the energies are probably in Hartree, or of an atom and not of a frame, but are taken as eV",
        )


class Forces:
    """Collects the forces of systems.

    Attributes
    ----------
    largest : float
        The largest norm [eV/Å].
    """

    def __init__(self) -> None:
        self.largest, self._place, self._nlarge = 0.0, ("", 0), 0
        self._of_system: dict[str, Evidence] = defaultdict(Evidence)

    @property
    def rms(self) -> float:
        """Root mean square of the components [eV/Å]."""
        return _together(self._of_system.values()).rms

    def add(self, batch: Batch, names: Sequence[str]) -> None:
        """Takes frames of a system in that have forces; their types have these names."""
        largest = np.linalg.norm(batch.labels["force"], axis=2).max(axis=1)
        if largest.max() > self.largest:
            row = int(largest.argmax())
            self.largest, self._place = float(largest[row]), (batch.system, int(batch.frames[row]))
        self._nlarge += int((largest > LARGEST).sum())
        self._of_system[batch.system].add(batch, names)

    def findings(self, fit: EnergyFit | None, lengths_are_right: bool) -> Iterator[Finding]:
        """What can't be of the forces; see `Evidence.judge`."""
        idle = [name for name, evidence in self._of_system.items() if evidence.is_idle]
        if idle:
            yield Finding("forces", f"all forces of {some_names(idle)} are 0: they were not read, or not written.")
        wrong: dict[str, list[tuple[str, Finding]]] = defaultdict(list)
        for names, evidence in self._telling():
            found = evidence.judge(fit.thermal(names) if fit else None, lengths_are_right)
            if found is not None:
                wrong[found.kind] += [(name, found) for name in names]
        for kind, pairs in wrong.items():
            where = some_names([name for name, _ in pairs])
            yield Finding(kind, f"{pairs[0][1].message} ({len(pairs)} of {len(self._of_system)} systems: {where}).")
        if self._nlarge and not wrong:
            yield Finding(
                "forces",
                f"{self._nlarge} frame(s) have forces above {LARGEST:g} eV/Å, up to {self.largest:.3g} in "
                f"frame {self._place[1]} of system {self._place[0]}: atoms too near each other, or "
                "calculations that failed.",
            )

    def _telling(self) -> Iterator[tuple[list[str], Evidence]]:
        """The systems that can be judged by themselves, and the others together."""
        others = [name for name, evidence in self._of_system.items() if not evidence.is_telling()]
        for name in sorted(self._of_system.keys() - set(others)):
            yield [name], self._of_system[name]
        if others:
            yield others, _together(self._of_system[name] for name in others)


def _have_moved(batch: Batch) -> bool:
    """Whether atoms of the frames move against each other, the cell's strain apart."""
    if batch.nframes < 2 or (batch.atype != batch.atype[0]).any():
        return False
    steps = np.diff(batch.coord if batch.box is None else batch.coord @ np.linalg.inv(batch.box), axis=0)
    if batch.box is not None:
        steps -= np.rint(steps)
    return bool(np.abs(steps - steps[:, :1]).max() > SOME_WAY)


def _together(parts: Iterable[Evidence]) -> Evidence:
    whole = Evidence()
    for part in parts:
        whole.merge(part)
    return whole


def _sign(observed: str) -> Finding:
    return Finding(
        "sign",
        f"the forces probably have the wrong sign, {observed}: forces are -dE/dr, while some programs write "
        "the gradient",
    )
