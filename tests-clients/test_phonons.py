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
    """The cubic cell of copper; in one twice the primitive every atom would be a center of inversion."""
    copper = bulk("Cu", cubic=True)
    return PhonopyAtoms(copper.symbols, cell=copper.cell.array, scaled_positions=copper.get_scaled_positions())


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
    phonon = Phono3py(cell, supercell_matrix=np.diag([2, 2, 2]), primitive_matrix="auto")
    phonon.generate_displacements(distance=0.03)
    phonon.forces = [forces_on(each, calculator) for each in phonon.supercells_with_displacements]
    phonon.produce_fc3()
    # translations cost nothing
    constants = phonon.fc3
    assert np.abs(constants).max() > 0.1
    assert np.abs(constants.sum(axis=1)).max() < 0.1 * np.abs(constants).max()
