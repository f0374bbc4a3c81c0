# SPDX-License-Identifier: LGPL-3.0-or-later
"""ASE's tools and phonopy with our calculator."""

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

from deepmd.calculator import DP


@pytest.fixture
def calculator(model):
    return DP(model)


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


def test_phonons(calculator):
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    primitive = bulk("Cu")
    cell = PhonopyAtoms(symbols=["Cu"], cell=primitive.cell.array, scaled_positions=[[0.0, 0.0, 0.0]])
    phonon = Phonopy(cell, supercell_matrix=np.diag([2, 2, 2]))
    phonon.generate_displacements(distance=0.01)
    forces = []
    for each in phonon.supercells_with_displacements:
        atoms = primitive.repeat(2)
        atoms = type(atoms)(each.symbols, cell=each.cell, scaled_positions=each.scaled_positions, pbc=True)
        atoms.calc = calculator
        forces.append(atoms.get_forces())
    phonon.forces = forces
    phonon.produce_force_constants()
    # translations cost nothing
    constants = phonon.force_constants
    assert np.abs(constants.sum(axis=1)).max() < 1e-2 * np.abs(constants).max()
