# SPDX-License-Identifier: LGPL-3.0-or-later
"""The ASE calculator: signs and units by finite differences, open axes, parameters."""

from __future__ import annotations

import itertools

import bonds
import numpy as np
import pytest
from morse import install, make_frames, write_model

from deepmd.errors import InputError

pytest.importorskip("ase")
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError

from deepmd.calculator import DP
from deepmd.infer import DeepDipole
from deepmd.outputs import OutputDef

COORD, CELL, ATYPE = make_frames(nframes=1)


@pytest.fixture
def file(monkeypatch, tmp_path):
    install(monkeypatch)
    return write_model(tmp_path / "water.morse")


@pytest.fixture
def atoms(file):
    symbols = ["OH"[i] for i in ATYPE]
    return Atoms(symbols, positions=COORD[0], cell=CELL[0], pbc=True, calculator=DP(file))


@pytest.fixture
def dipole_file(monkeypatch, tmp_path):
    bonds.install(monkeypatch)
    return write_model(tmp_path / "water.bonds")


def test_dipole_model(dipole_file):
    symbols = ["OH"[i] for i in ATYPE]
    atoms = Atoms(symbols, positions=COORD[0], cell=CELL[0], pbc=True, calculator=DP(dipole_file))
    expected = DeepDipole(dipole_file).eval(COORD, CELL, ATYPE, atomic=False)[0]
    np.testing.assert_array_equal(atoms.get_dipole_moment(), expected)
    with pytest.raises(
        PropertyNotImplementedError, match=r"^energy: .*water.bonds is a model of 'dipole'; what it gives"
    ):
        atoms.get_potential_energy()


def test_a_model_that_ase_knows_nothing_of(dipole_file, monkeypatch):
    monkeypatch.setattr("bonds.BondEval.outputs", (OutputDef("band", (3,)),))
    with pytest.raises(InputError, match="is a model of 'band', for which ASE has no property"):
        DP(dipole_file)


def strained_energy(atoms, strain):
    atoms = atoms.copy()
    atoms.set_cell(atoms.cell @ (np.eye(3) + strain), scale_atoms=True)
    return atoms


def numerical_stress(atoms, calculator, step=1e-5):
    """(dE/dstrain) / volume in ASE's order."""
    stress = []
    for i, j in [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]:
        energies = []
        for sign in (1, -1):
            strain = np.zeros((3, 3))
            strain[i, j] += sign * step / 2
            strain[j, i] += sign * step / 2
            strained = strained_energy(atoms, strain)
            strained.calc = calculator
            energies.append(strained.get_potential_energy())
        stress.append((energies[0] - energies[1]) / (2 * step * atoms.get_volume()))
    return np.array(stress)


def test_results_are_those_of_the_model(atoms):
    energy, force, virial = atoms.calc.dp.eval(COORD, CELL, ATYPE)
    assert atoms.get_potential_energy() == energy[0, 0] == atoms.get_potential_energy(force_consistent=True)
    np.testing.assert_array_equal(atoms.get_forces(), force[0])
    np.testing.assert_array_equal(atoms.calc.get_property("virial", atoms), virial.reshape(3, 3))


def test_stress_is_the_slope_of_the_energy(atoms):
    stress = atoms.get_stress()
    assert np.abs(stress).max() > 1e-2
    np.testing.assert_allclose(stress, numerical_stress(atoms, atoms.calc), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("pbc", list(itertools.product([False, True], repeat=3)))
def test_open_axes_have_no_images(atoms, pbc):
    """Brute force: copies of the atoms along the periodic axes only, as one large open system."""
    atoms.pbc = pbc
    repeats = [range(-2, 3) if periodic else (0,) for periodic in pbc]
    shifts = np.array(list(itertools.product(*repeats))) @ CELL[0]
    center = int(np.flatnonzero(~shifts.any(axis=1))[0])
    many = (shifts[:, None] + COORD[0]).reshape(1, -1, 3)
    _, force, _, atom_energy, _ = atoms.calc.dp.eval(many, None, np.tile(ATYPE, len(shifts)), atomic=True)
    home = slice(center * len(ATYPE), (center + 1) * len(ATYPE))
    assert atoms.get_potential_energy() == pytest.approx(atom_energy[0, home].sum(), rel=1e-12)
    np.testing.assert_allclose(atoms.get_forces(), force[0, home], atol=1e-12)


def test_stress_of_a_slab_is_per_volume_of_its_own_cell(atoms):
    atoms.pbc = (True, True, False)
    stress = atoms.get_stress()
    np.testing.assert_allclose(stress[[0, 1, 5]], numerical_stress(atoms, atoms.calc)[[0, 1, 5]], rtol=1e-5)


def test_slab_without_a_third_cell_vector(atoms):
    atoms.pbc = (True, True, False)
    energy = atoms.get_potential_energy()
    atoms.set_cell([*CELL[0][:2], [0, 0, 0]])
    assert atoms.get_potential_energy() == pytest.approx(energy, rel=1e-12)
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stress()


def test_open_system_has_no_stress(atoms):
    atoms.pbc = False
    assert np.isfinite(atoms.get_forces()).all()
    with pytest.raises(PropertyNotImplementedError, match="not periodic"):
        atoms.get_stress()


def test_parameters_are_read_and_watched(file, tmp_path, atoms):
    energy = atoms.get_potential_energy()
    atoms.calc = DP(write_model(tmp_path / "parameters.morse", dim_fparam=1, dim_aparam=1))
    atoms.info |= {"fparam": [0.0], "aparam": np.full((len(atoms), 1), 0.5)}
    assert atoms.get_potential_energy() == pytest.approx(energy + 0.5 * len(atoms))
    atoms.info["fparam"] = [1.0]
    assert atoms.get_potential_energy() == pytest.approx(2 * energy + 0.5 * len(atoms))


def test_same_atoms_are_evaluated_once(atoms):
    atoms.get_forces()
    atoms.get_stress()
    assert atoms.calc.dp.backend.calls == [1]
    atoms.positions[0] += 0.01
    atoms.get_forces()
    assert atoms.calc.dp.backend.calls == [1, 1]


def test_energies_and_stresses_of_atoms(atoms):
    energies, stresses = atoms.get_potential_energies(), atoms.get_stresses()
    assert energies.shape == (len(atoms),)
    assert energies.sum() == pytest.approx(atoms.get_potential_energy(), abs=1e-12)
    assert stresses.shape == (len(atoms), 6)
    assert stresses.sum(axis=0) == pytest.approx(atoms.get_stress(), abs=1e-12)
    atoms.pbc = False
    with pytest.raises(PropertyNotImplementedError, match="no volume"):
        atoms.get_stresses()


def test_type_dict_renames_elements(file, atoms):
    energy = atoms.get_potential_energy()
    atoms.symbols = ["SF"[i] for i in ATYPE]
    atoms.calc = DP(file, type_dict={"S": 0, "F": 1})
    assert atoms.get_potential_energy() == energy


def test_unknown_element(atoms):
    atoms.symbols[3] = "Xe"
    with pytest.raises(InputError, match="does not know Xe; it knows O, H"):
        atoms.get_potential_energy()
