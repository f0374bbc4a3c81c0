# SPDX-License-Identifier: LGPL-3.0-or-later
"""Labels of atoms of selected types: files with all atoms, or with the selected ones only."""

from __future__ import annotations

import numpy as np
import pytest
from toy_data import NAMES, write_system

from deepmd.data import DataRequirement, System
from deepmd.errors import DataError

TYPES = [1, 0, 1, 0, 1]
OF_OXYGEN = DataRequirement("atom_dipole", 3, atomic=True, must=True, selected_types=(0,))


@pytest.fixture
def dipole():
    return np.random.default_rng(3).normal(size=(4, 2, 3))


def write(folder, **labels):
    write_system(folder, TYPES, nframes=4, sets=2, **labels)
    return folder


def test_selected_atoms_only(tmp_path, dipole):
    system = System(write(tmp_path / "a", atomic_dipole=dipole.reshape(4, -1)), NAMES, [OF_OXYGEN])
    label = system.read([3, 0]).labels["atom_dipole"]
    assert label.shape == (2, 5, 3)
    np.testing.assert_array_equal(label[:, [1, 3]], dipole[[3, 0]])
    assert not label[:, [0, 2, 4]].any()


def test_all_atoms(tmp_path):
    whole = np.random.default_rng(4).normal(size=(4, 5, 3))
    system = System(write(tmp_path / "a", atom_dipole=whole.reshape(4, -1)), NAMES, [OF_OXYGEN])
    np.testing.assert_array_equal(system.read([2]).labels["atom_dipole"], whole[[2]])


def test_the_types_are_the_models(tmp_path, dipole):
    """In the model's type map oxygen comes second."""
    item = DataRequirement("atom_dipole", 3, atomic=True, selected_types=(1,))
    system = System(write(tmp_path / "a", atomic_dipole=dipole.reshape(4, -1)), NAMES[::-1], [item])
    np.testing.assert_array_equal(system.read([0]).labels["atom_dipole"][:, [1, 3]], dipole[[0]])


def test_no_atom_is_selected(tmp_path):
    write_system(tmp_path / "a", [1, 1], nframes=2, atomic_dipole=np.zeros((2, 0)))
    assert not System(tmp_path / "a", NAMES, [OF_OXYGEN]).read([0]).labels["atom_dipole"].any()


def test_wrong_number_of_atoms(tmp_path, dipole):
    folder = write(tmp_path / "a", atomic_dipole=dipole[:, :1].reshape(4, -1))
    with pytest.raises(DataError, match=r"expected \(2, 15\): 3 for each of 5 atoms, or for each of the 2 whose type"):
        System(folder, NAMES, [OF_OXYGEN])


def test_numbers_are_checked(tmp_path, dipole):
    dipole[3, 1, 2] = np.nan
    system = System(write(tmp_path / "a", atomic_dipole=dipole.reshape(4, -1)), NAMES, [OF_OXYGEN])
    with pytest.raises(DataError, match=r"atomic_dipole.npy: frame 1 holds nan"):
        system.read([0])


def test_observed_types(tmp_path):
    write_system(tmp_path / "a", [1, 1], nframes=2)
    assert System(tmp_path / "a", ["C", "O", "H"]).observed_types() == ["H"]


def test_observed_types_of_frames_with_their_own(tmp_path):
    types = np.array([[0, 1, -1], [1, 1, -1], [0, 0, 0]])
    write_system(tmp_path / "a", [0, 0, 0], nframes=3, sets=2, names=["H", "O"], real_atom_types=types)
    assert System(tmp_path / "a", ["C", "O", "H"]).observed_types() == ["O", "H"]
