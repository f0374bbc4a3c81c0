# SPDX-License-Identifier: LGPL-3.0-or-later
"""Energies and what a fit by the composition leaves of them: units, frames of another method."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deepmd.check.finding import Finding, some_names
from deepmd.elements import ELEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from deepmd.data import System

STRONGEST = 10.0
"""[eV/atom] No solid is bound by more (tungsten 8.9), so nothing that frames of one method differ by is larger."""
SOME = 8
"""Frames whose energies have a spread."""
ALL_ELECTRONS = 1.3 * 20.92
"""[eV] Times Z^(7/3): more than the energy of all electrons of an atom, after Thomas and Fermi, with room for
relativity."""


class Group(NamedTuple):
    """Frames of one system with the same composition.

    Attributes
    ----------
    system : System
    numbers : dict[str, int]
        Atoms of each element.
    frames : np.ndarray, (n,)
    energies : np.ndarray, (n,) [eV]
    """

    system: System
    numbers: dict[str, int]
    frames: np.ndarray
    energies: np.ndarray

    @property
    def natoms(self) -> int:
        """Real atoms of a frame."""
        return sum(self.numbers.values())


def energy_groups(system: System, names: Sequence[str]) -> list[Group]:
    """The frames of a system that has energies, by composition; its types have these names."""
    energies = system.column("energy")
    numbers, composition = system.numbers_of_types()
    groups = []
    for index, row in enumerate(numbers.tolist()):
        frames = np.flatnonzero(composition == index)
        elements = {name: count for name, count in zip(names, row, strict=True) if count}
        groups.append(Group(system, elements, frames, energies[frames]))
    return groups


@dataclass(frozen=True)
class EnergyFit:
    """Energies as sums over the atoms' elements, and what is left.

    Attributes
    ----------
    groups : list of Group
    residuals : list of np.ndarray
        Of each group what the fit leaves, (n,) [eV/atom].
    """

    groups: list[Group]
    residuals: list[np.ndarray]

    @classmethod
    def of(cls, groups: list[Group]) -> EnergyFit:
        """Least squares over all frames; groups weigh by their frames."""
        elements = sorted({name for group in groups for name in group.numbers})
        numbers = np.array([[group.numbers.get(name, 0) for name in elements] for group in groups], dtype=float)
        natoms = numbers.sum(axis=1)
        means = np.array([group.energies.mean() for group in groups])
        weights = np.sqrt([len(group.frames) for group in groups]) / natoms
        fitted, *_ = np.linalg.lstsq(numbers * weights[:, None], means * weights, rcond=1e-10)
        predicted = numbers @ fitted
        return cls(groups, [(g.energies - e) / g.natoms for g, e in zip(groups, predicted, strict=True)])

    @property
    def rms(self) -> float:
        """Root mean square of the residuals [eV/atom]."""
        return float(np.sqrt(np.mean(np.concatenate(self.residuals) ** 2)))

    def thermal(self, systems: Iterable[str]) -> float | None:
        """kT [eV] of harmonic atoms whose energies vary as much within compositions, Var E = 3N/2 (kT)², in some
        systems; None where too few of their frames have the same."""
        parts = [self._spreads[name] for name in systems if name in self._spreads]
        count, squares = np.sum(parts, axis=0) if parts else (0, 0.0)
        return float(np.sqrt(squares / count)) if count else None

    @cached_property
    def _spreads(self) -> dict[str, np.ndarray]:
        """Of each system how many energies there are, and the sum of their (kT)²."""
        sums: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(2))
        for group, rest in zip(self.groups, self.residuals, strict=True):
            if len(rest) >= SOME:
                sums[group.system.name] += len(rest), (group.natoms * (rest - rest.mean()) ** 2).sum() / 1.5
        return sums

    def span(self) -> str:
        """Least and largest energy [eV/atom], for people."""
        per_atom = [group.energies / group.natoms for group in self.groups]
        least, largest = (bound(bound(each) for each in per_atom) for bound in (min, max))
        return f"{least:.6g} to {largest:.6g}"

    def findings(self) -> Iterator[Finding]:
        """What can't be of the energies."""
        if not any(group.energies.any() for group in self.groups):
            yield Finding("energies", "all energies are 0: they were not read, or not written.")
            return
        impossible = list(self._impossible())
        yield from impossible
        if not impossible:
            yield from self._strangers()

    def _impossible(self) -> Iterator[Finding]:
        """Below the energy of all electrons."""
        for group in self.groups:
            if not all(name in ELEMENTS for name in group.numbers):
                continue
            bound = -ALL_ELECTRONS * sum(n * (ELEMENTS.index(e) + 1) ** (7 / 3) for e, n in group.numbers.items())
            if group.energies.min() < bound:
                lowest = group.energies.min() / group.natoms
                yield Finding(
                    "energies",
                    f"energies of system {group.system.name} are as low as {lowest:.4g} eV/atom, below that "
                    "of all electrons of these atoms: they are probably in kJ/mol or kcal/mol, but are "
                    "taken as eV.",
                )
                return

    def _strangers(self) -> Iterator[Finding]:
        """Frames too far from what their composition lets expect."""
        pairs = list(zip(self.groups, self.residuals, strict=True))
        strange = [(group, np.flatnonzero(np.abs(rest) > STRONGEST)) for group, rest in pairs]
        count = sum(len(rows) for _, rows in strange)
        if not count:
            return
        group, rest = max(pairs, key=lambda pair: np.abs(pair[1]).max())
        row = int(np.abs(rest).argmax())
        names = list(dict.fromkeys(group.system.name for group, rows in strange if len(rows)))
        total = sum(len(rest) for rest in self.residuals)
        yield Finding(
            "energies",
            f"{count} of {total} energies (in {some_names(names)}) are more than {STRONGEST:g} eV/atom off "
            f"a fit by composition, up to {rest[row]:+.3g} eV/atom in frame {group.frames[row]} of system "
            f"{group.system.name}, while nothing is bound by more: other units than eV (kJ/mol, kcal/mol), "
            "results of different methods, or calculations that failed.",
        )
