# SPDX-License-Identifier: LGPL-3.0-or-later
"""The units that data of other programs have, and which of them explains a number that can't be."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

BOHR = 0.529177
"""[Å]; CODATA 2018, as all below."""
HARTREE = 27.21139
"""[eV]"""
KJ_PER_MOL = 1 / 96.48533
"""[eV]"""
KCAL_PER_MOL = 4.184 * KJ_PER_MOL
"""[eV]"""

BOLTZMANN = 8.617333e-5
"""[eV/K]"""

FORCES = {
    "kcal/mol/Å": KCAL_PER_MOL,
    "kJ/mol/Å": KJ_PER_MOL,
    "kJ/mol/nm": KJ_PER_MOL / 10,
    "Hartree/bohr": HARTREE / BOHR,
    "Rydberg/bohr": HARTREE / BOHR / 2,
}
"""Each in eV/Å."""
SLOPES = {
    "energies in kJ/mol": 1 / KJ_PER_MOL,
    "energies in kcal/mol": 1 / KCAL_PER_MOL,
    "energies in Hartree": 1 / HARTREE,
    "energies in Rydberg": 2 / HARTREE,
    "energies in Hartree and forces in Hartree/bohr": 1 / BOHR,
    "energies in kJ/mol and forces in kJ/mol/nm": 0.1,
    "coordinates in bohr": BOHR,
    "coordinates in nm": 10.0,
} | {f"forces in {name}": unit for name, unit in FORCES.items()}
"""What a difference of energies is then, in multiples of the work that the forces do along the way."""


def near_units(ratio: float, expected: Mapping[str, float], tolerance: float) -> str:
    """The names whose ratios are within a factor of the one found, the nearest first, at most two; none is empty."""
    factors = {name: max(value / ratio, ratio / value) for name, value in expected.items()}
    names = sorted((name for name, factor in factors.items() if factor <= tolerance), key=lambda name: factors[name])
    return " or ".join(names[:2])
