# SPDX-License-Identifier: LGPL-3.0-or-later
"""The dpdata driver."""

from __future__ import annotations

import os
import subprocess
import sys

import bonds
import numpy as np
import pytest
from morse import install, make_frames, write_model

from deepmd.errors import InputError
from deepmd.infer import DeepPot

pytest.importorskip("dpdata")
import dpdata
from dpdata.driver import Driver

from deepmd.driver import DPDriver

COORD, CELL, ATYPE = make_frames()


@pytest.fixture
def file(monkeypatch, tmp_path):
    install(monkeypatch)
    return write_model(tmp_path / "water.morse")


def test_a_dipole_model_is_refused(monkeypatch, tmp_path):
    bonds.install(monkeypatch)
    with pytest.raises(InputError, match=r"water.bonds is a model of 'dipole', not of 'energy': open it by DeepDipole"):
        DPDriver(write_model(tmp_path / "water.bonds"))


def make_system(names, types, **extra):
    data = {
        "atom_names": names,
        "atom_numbs": [types.count(index) for index in range(len(names))],
        "atom_types": np.array(types),
        "orig": np.zeros(3),
        "cells": CELL,
        "coords": COORD,
        **extra,
    }
    return dpdata.System(data={key: value.copy() for key, value in data.items()} if not extra else data)


@pytest.mark.parametrize("name", ["dp", "deepmd", "deepmd-kit"])
def test_registered(name):
    assert Driver.get_driver(name) is DPDriver


def test_may_be_imported_before_dpdata():
    """dpdata loads its plug-ins, hence this one, while it is being imported."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    code = "import deepmd.driver, dpdata.driver as d; assert d.Driver.get_driver('dp') is deepmd.driver.DPDriver"
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_labels_are_those_of_the_model(file):
    labeled = make_system(["O", "H"], ATYPE.tolist()).predict(file, driver="dp")
    assert isinstance(labeled, dpdata.LabeledSystem)
    energy, force, virial = DeepPot(file).eval(COORD, CELL, ATYPE)
    np.testing.assert_allclose(labeled["energies"], energy[:, 0])
    np.testing.assert_allclose(labeled["forces"], force)
    np.testing.assert_allclose(labeled["virials"], virial.reshape(-1, 3, 3))


def test_elements_are_matched_by_name(file):
    """The data's own order of elements, with one that no atom has, is kept in the result."""
    labeled = make_system(["H", "C", "O"], (2 - 2 * ATYPE).tolist()).predict(DeepPot(file), driver="deepmd")
    np.testing.assert_allclose(labeled["energies"], DeepPot(file).eval(COORD, CELL, ATYPE)[0][:, 0])
    assert labeled["atom_names"] == ["H", "C", "O"]
    np.testing.assert_array_equal(labeled["atom_types"], 2 - 2 * ATYPE)


def test_open_boundaries(file):
    labeled = make_system(["O", "H"], ATYPE.tolist(), nopbc=True).predict(file, driver="dp")
    np.testing.assert_allclose(labeled["energies"], DeepPot(file).eval(COORD, None, ATYPE)[0][:, 0])


def test_unknown_element(file):
    with pytest.raises(InputError, match="does not know Xe"):
        make_system(["O", "Xe"], ATYPE.tolist()).predict(file, driver="dp")
