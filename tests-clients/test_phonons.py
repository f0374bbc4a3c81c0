# SPDX-License-Identifier: LGPL-3.0-or-later
"""phonopy and phono3py: force constants of second and third order by our calculator."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from phono3py import Phono3py
from phonopy import Phonopy
from phonopy.structure.atoms import PhonopyAtoms


@pytest.fixture(scope="module")
def cell():
    """The primitive cell of copper."""
    return PhonopyAtoms(symbols=["Cu"], cell=bulk("Cu").cell.array, scaled_positions=[[0.0, 0.0, 0.0]])


def forces_on(supercell, calculator):
    """(natoms, 3) [eV/Å]."""
    atoms = Atoms(supercell.symbols, cell=supercell.cell, scaled_positions=supercell.scaled_positions, pbc=True)
    atoms.calc = calculator
    return atoms.get_forces()


def test_phonopy(calculator, cell):
    phonon = Phonopy(cell, supercell_matrix=np.diag([2, 2, 2]))
    phonon.generate_displacements(distance=0.01)
    phonon.forces = [forces_on(each, calculator) for each in phonon.supercells_with_displacements]
    phonon.produce_force_constants()
    # translations cost nothing
    constants = phonon.force_constants
    assert np.abs(constants.sum(axis=1)).max() < 1e-2 * np.abs(constants).max()


def test_phono3py(calculator, cell):
    phonon = Phono3py(cell, supercell_matrix=np.diag([2, 2, 2]), primitive_matrix=np.eye(3))
    phonon.generate_displacements(distance=0.03)
    phonon.forces = [forces_on(each, calculator) for each in phonon.supercells_with_displacements]
    phonon.produce_fc3(symmetrize_fc3r=True)
    third = phonon.fc3
    assert np.isfinite(third).all()
    assert np.abs(third.sum(axis=0)).max() < 1e-2 * np.abs(third).max()
