# SPDX-License-Identifier: LGPL-3.0-or-later
"""Data that hold spins as virtual atoms, which is how deepmd-kit's TensorFlow backend has them."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd.data import DataRequirement, System
from deepmd.errors import DataError

SCALE = {"Ni": 0.4, "Co": 0.5}
TYPES = [0, 1, 2, 0, 3, 4, 3]
"""Ni, Co, O, Ni, and the virtual atoms of Ni, Co, Ni."""
LABELS = [DataRequirement(key, 3, atomic=True) for key in ("spin", "force", "force_mag")]


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(1)
    coord, force = rng.uniform(0.0, 5.0, (3, 7, 3)), rng.normal(size=(3, 7, 3))
    spin = rng.normal(size=(3, 3, 3))
    coord[:, 4:] = coord[:, [0, 1, 3]] + spin * np.array([0.4, 0.5, 0.4])[:, None]
    coord[:, 4, 0] += 5.0  # moved by a cell
    (tmp_path / "set.000").mkdir()
    arrays = {"coord": coord, "force": force, "energy": np.zeros(3), "box": np.tile(5.0 * np.eye(3), (3, 1, 1))}
    for key, each in arrays.items():
        np.save(tmp_path / "set.000" / f"{key}.npy", each.reshape(3, -1))
    (tmp_path / "type.raw").write_text("\n".join(map(str, TYPES)))
    return tmp_path, coord, force, spin


def test_spins_and_magnetic_forces(folder):
    path, coord, force, spin = folder
    system = System(str(path), ["Ni", "Co", "O"], LABELS, SCALE)
    batch = system.read([2, 0])
    assert system.natoms == 4
    np.testing.assert_array_equal(batch.atype, np.tile([0, 1, 2, 0], (2, 1)))
    np.testing.assert_array_equal(batch.coord, coord[[2, 0], :4])
    np.testing.assert_array_equal(batch.labels["force"], force[[2, 0], :4])
    np.testing.assert_allclose(batch.labels["spin"][:, [0, 1, 3]], spin[[2, 0]], atol=1e-13)
    np.testing.assert_array_equal(batch.labels["force_mag"][:, [0, 1, 3]], force[[2, 0], 4:])
    assert not batch.labels["spin"][:, 2].any()
    assert not batch.labels["force_mag"][:, 2].any()


def test_a_system_with_spins_is_left_as_it_is(folder):
    path, *_ = folder
    (path / "type_map.raw").write_text("Ni Co O A B")
    assert System(str(path), ["Ni", "Co", "O", "A", "B"], virtual_scale=SCALE).natoms == 7


@pytest.mark.parametrize(
    ("types", "message"),
    [
        ([0, 1, 2, 0, 3, 4, 4], "type.raw has 1 atoms of type 3, the virtual ones of Ni, of which there are 2"),
        ([0, 1, 2, 0, 3, 3, 4, 5], "type.raw holds 5, but there are 5 types"),
    ],
)
def test_wrong_virtual_atoms_are_refused(folder, types, message):
    path, *_ = folder
    (path / "type.raw").write_text("\n".join(map(str, types)))
    with pytest.raises(DataError, match=message):
        System(str(path), ["Ni", "Co", "O"], LABELS, SCALE)


def test_without_a_model_of_spins_the_types_are_refused(folder):
    path, *_ = folder
    with pytest.raises(DataError, match="type 4, but the type map has 3 names"):
        System(str(path), ["Ni", "Co", "O"])
