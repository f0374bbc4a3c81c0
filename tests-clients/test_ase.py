# SPDX-License-Identifier: LGPL-3.0-or-later
"""ASE's tools with our calculator."""

from __future__ import annotations

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.filters import FrechetCellFilter
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS
from copper import rattled


def test_atoms_and_cell_relax(calculator):
    atoms = rattled(2, 3)
    atoms.calc = calculator
    before = atoms.get_potential_energy()
    assert BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=0.02, steps=300)
    assert atoms.get_potential_energy() < before
    assert np.abs(atoms.get_stress()).max() < 1e-2


def test_the_energy_is_kept_in_a_run(calculator):
    atoms = bulk("Cu", cubic=True).repeat(2)
    atoms.calc = calculator
    MaxwellBoltzmannDistribution(atoms, temperature_K=300, rng=np.random.default_rng(1))
    before = atoms.get_total_energy()
    VelocityVerlet(atoms, 1 * units.fs).run(100)
    assert atoms.get_total_energy() == pytest.approx(before, abs=2e-3 * len(atoms) ** 0.5)


def test_the_stress_is_the_derivative_of_the_energy(calculator):
    atoms = rattled(1, 3)
    atoms.calc = calculator
    numerical = calculator.calculate_numerical_stress(atoms, d=1e-5)
    np.testing.assert_allclose(atoms.get_stress(), numerical, atol=1e-7)
    np.testing.assert_allclose(atoms.get_stresses().sum(axis=0), atoms.get_stress(), atol=1e-12)
