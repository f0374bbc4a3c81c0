# SPDX-License-Identifier: LGPL-3.0-or-later
"""DeepPot: shapes of inputs and outputs, wrong input, opening files."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from morse import install, make_frames, write_model

from deepmd.errors import BackendError, InputError, ModelFileError
from deepmd.infer import DeepEval, DeepPot, DeepPotential
from deepmd.outputs import OutputDef

COORD, CELL, ATYPE = make_frames()
NFRAMES, NATOMS = COORD.shape[:2]


@pytest.fixture
def file(monkeypatch, tmp_path):
    install(monkeypatch)
    return write_model(tmp_path / "water.morse")


@pytest.fixture
def dp(file):
    return DeepPot(file)


@pytest.fixture
def dp_with_parameters(file, tmp_path):
    return DeepPot(write_model(tmp_path / "parameters.morse", dim_fparam=2, dim_aparam=1))


def assert_same(results, expected):
    assert len(results) == len(expected)
    for result, wanted in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, wanted)


def test_shapes_of_the_results(dp):
    energy, force, virial = dp.eval(COORD, CELL, ATYPE)
    assert (energy.shape, force.shape, virial.shape) == ((NFRAMES, 1), (NFRAMES, NATOMS, 3), (NFRAMES, 9))
    assert energy.dtype == force.dtype == virial.dtype == np.float64


def test_atomic_results_add_up(dp):
    energy, _, virial, atom_energy, atom_virial = dp.eval(COORD, CELL, ATYPE, atomic=True)
    assert (atom_energy.shape, atom_virial.shape) == ((NFRAMES, NATOMS, 1), (NFRAMES, NATOMS, 9))
    np.testing.assert_allclose(atom_energy.sum(axis=1), energy)
    np.testing.assert_allclose(atom_virial.sum(axis=1), virial)


def test_forces_are_minus_the_slope_of_the_energy(dp):
    _, force, _ = dp.eval(COORD[0], CELL[0], ATYPE)
    step = np.zeros((NATOMS, 3))
    step[5, 1] = 1e-5
    energy = dp.eval([COORD[0] + step, COORD[0] - step], [CELL[0]] * 2, ATYPE)[0]
    assert force[0, 5, 1] == pytest.approx(-(energy[0, 0] - energy[1, 0]) / 2e-5, rel=1e-6)


@pytest.mark.parametrize(
    ("coord", "cell", "atype"),
    [
        (COORD.reshape(NFRAMES, -1), CELL.reshape(NFRAMES, 9), ATYPE.tolist()),
        (COORD.tolist(), CELL.tolist(), ATYPE[None]),
        (COORD, CELL, np.tile(ATYPE, (NFRAMES, 1))),
        (COORD, CELL, ["O", "H", "H"] * (NATOMS // 3)),
        (COORD, CELL, np.array(["O", "H", "H"] * (NATOMS // 3))),
    ],
)
def test_all_accepted_shapes_mean_the_same(dp, coord, cell, atype):
    assert_same(dp.eval(coord, cell, atype), dp.eval(COORD, CELL, ATYPE))


def test_one_frame_needs_no_axis_of_frames(dp):
    expected = dp.eval(COORD[:1], CELL[:1], ATYPE)
    assert_same(dp.eval(COORD[0], CELL[0], ATYPE), expected)
    assert_same(dp.eval(COORD[0].ravel(), CELL[0].ravel(), ATYPE), expected)


def test_no_cells_are_open_boundaries(dp):
    energy = dp.eval(COORD, None, ATYPE)[0]
    large = dp.eval(COORD, np.tile(100 * np.eye(3), (NFRAMES, 1, 1)), ATYPE)[0]
    np.testing.assert_allclose(energy, large)
    assert not np.allclose(energy, dp.eval(COORD, CELL, ATYPE)[0])


def test_mixed_types_are_taken_frame_by_frame(dp):
    mixed = np.array([ATYPE, 1 - ATYPE, ATYPE])
    expected = [dp.eval(COORD[i], CELL[i], mixed[i])[0][0] for i in range(NFRAMES)]
    np.testing.assert_allclose(dp.eval(COORD, CELL, mixed, mixed_type=True)[0], expected)
    names = np.array(["O", "H"])[mixed]
    np.testing.assert_allclose(dp.eval(COORD, CELL, names, mixed_type=True)[0], expected)


def test_virtual_atoms_have_no_effect(dp):
    padded = np.concatenate([COORD, np.zeros((NFRAMES, 2, 3))], axis=1)
    energy, force, virial = dp.eval(padded, CELL, [*ATYPE, -1, -1])
    expected = dp.eval(COORD, CELL, ATYPE)
    assert_same((energy, force[:, :-2], virial), expected)
    assert not force[:, -2:].any()


def test_parameters_may_lack_leading_axes(dp_with_parameters):
    dp, fparam, aparam = dp_with_parameters, [0.3, 9.0], np.linspace(0, 1, NATOMS)
    full = np.tile(fparam, (NFRAMES, 1)), np.tile(aparam, (NFRAMES, 1))[..., None]
    expected = dp.eval(COORD, CELL, ATYPE, fparam=full[0], aparam=full[1])
    assert_same(dp.eval(COORD, CELL, ATYPE, fparam=fparam, aparam=aparam), expected)
    constant = dp.eval(COORD, CELL, ATYPE, fparam=fparam, aparam=[0.0])[0]
    np.testing.assert_allclose(expected[0] - constant, aparam.sum())


@pytest.mark.parametrize("argument", ["efield", "spin", "charge_spin"])
def test_inputs_of_other_models_are_refused_unless_none(dp, argument):
    assert len(dp.eval(COORD, CELL, ATYPE, **{argument: None})) == 3
    with pytest.raises(InputError, match=argument):
        dp.eval(COORD, CELL, ATYPE, **{argument: np.ones(3)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coords": COORD.ravel()[:-1]}, r"107 numbers, expected a multiple of 3 for each of 12 atoms"),
        ({"coords": np.zeros((0, 36))}, "0 numbers"),
        ({"coords": "abc"}, "coords is not an array of numbers"),
        ({"cells": CELL[0]}, r"cells has the shape \(3, 3\), expected \(3, 9\)"),
        ({"cells": 0 * CELL}, "cell of frame 0 has no volume"),
        ({"cells": CELL * [[[1]], [[np.nan]], [[1]]]}, "cells holds nan at frame 1, vector 0"),
        ({"atom_types": [*ATYPE[:-1], 2]}, r"atom_types holds 2, expected 0 to 1.*O H"),
        ({"atom_types": [*ATYPE[:-1], -2]}, "atom_types holds -2"),
        ({"atom_types": ATYPE + 0.5}, "expected integers or names"),
        ({"atom_types": []}, r"coords holds \d+ numbers"),
        ({"atom_types": np.tile(ATYPE, (2, 1))}, "atom_types has 2 rows, but coords holds 3 frames"),
        ({"atom_types": ["O", "H", "Xe"] * 4}, "does not know Xe; its type_map is O H"),
        ({"mixed_type": True}, r"expected \(nframes, natoms\)"),
        ({"fparam": [1.0]}, "fparam is given, but the model takes none"),
    ],
)
def test_wrong_input_is_named(dp, change, message):
    with pytest.raises(InputError, match=message):
        dp.eval(**{"coords": COORD, "cells": CELL, "atom_types": ATYPE} | change)


def test_first_atom_that_is_not_finite_is_named(dp):
    coord = COORD.copy()
    coord[1, 4, 2] = np.nan
    with pytest.raises(InputError, match="coords holds nan at frame 1, atom 4"):
        dp.eval(coord, CELL, ATYPE)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"aparam": [0.0]}, "needs fparam: 2 numbers for each frame"),
        ({"fparam": [0.0, 1.0]}, "needs aparam: 1 numbers for each atom"),
        ({"fparam": [0.0] * 3, "aparam": [0.0]}, r"fparam has the shape \(3,\), expected \(3, 2\) or \(2,\)"),
        ({"fparam": [0.0, 0.0], "aparam": [0.0] * 7}, r"aparam has the shape \(7,\)"),
        ({"fparam": [0.0, np.inf], "aparam": [0.0]}, "fparam holds inf at frame 0, expected"),
    ],
)
def test_wrong_parameters_are_named(dp_with_parameters, parameters, message):
    with pytest.raises(InputError, match=message):
        dp_with_parameters.eval(COORD, CELL, ATYPE, **parameters)


def test_default_fparam_may_be_left_out(file, tmp_path):
    dp = DeepPot(write_model(tmp_path / "default.morse", dim_fparam=1, default_fparam=True))
    assert dp.has_default_fparam()
    assert_same(dp.eval(COORD, CELL, ATYPE), DeepPot(file).eval(COORD, CELL, ATYPE))


def test_descriptor(dp):
    descriptor = dp.eval_descriptor(COORD, CELL, ATYPE)
    assert (descriptor.shape, descriptor.dtype) == ((NFRAMES, NATOMS, 2), np.float64)
    single = dp.eval_descriptor(COORD, CELL, ATYPE, dtype="fp32")
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, descriptor, rtol=1e-6)
    with pytest.raises(InputError, match="dtype is 'fp16'"):
        dp.eval_descriptor(COORD, CELL, ATYPE, dtype="fp16")


def test_getters(dp):
    assert dp.get_type_map() == ["O", "H"]
    assert (dp.get_rcut(), dp.get_ntypes(), dp.get_sel_type()) == (3.0, 2, [0, 1])
    assert (dp.get_dim_fparam(), dp.get_dim_aparam(), dp.get_ntypes_spin()) == (0, 0, 0)
    flags = (dp.has_spin, dp.get_has_spin(), dp.has_efield, dp.has_hessian, dp.has_default_fparam())
    assert flags == (False,) * 5
    assert (dp.use_spin, dp.has_chg_spin_ebd(), dp.has_default_chg_spin()) == ([], False, False)
    with pytest.raises(ModelFileError, match="does not record which types"):
        dp.get_observed_types()
    assert dp.get_model_def_script()["rcut"] == dp.serialize()["rcut"] == 3.0


@pytest.mark.parametrize("factory", [DeepEval, DeepPotential, DeepPot])
def test_each_way_to_open_gives_the_class_of_the_model(file, factory):
    assert type(factory(file)) is DeepPot


def test_class_of_a_user(file):
    class Shifted(DeepPot):
        pass

    assert type(Shifted(file)) is Shifted
    assert type(DeepEval(file)) is DeepPot


def test_options_reach_the_backend(file):
    dp = DeepPot(file, head="water", neighbor_list="mine", nlist_backend="vesin")
    options = dp.backend.options
    assert (options["head"], options["neighbor_list"], options["nlist_backend"]) == ("water", "mine", "vesin")


def test_model_of_another_kind_is_refused(file, monkeypatch):
    monkeypatch.setattr("morse.MorseEval.outputs", (OutputDef("dipole", (3,)),))
    with pytest.raises(InputError, match="a model of 'dipole', not of 'energy': open it by DeepDipole"):
        DeepPot(file)


def test_types_observed_in_the_training(file, tmp_path):
    dp = DeepPot(write_model(tmp_path / "some.morse", info={"observed_type": ["H"]}))
    assert dp.get_observed_types() == {"type_num": 1, "observed_type": ["H"]}


def test_closed_at_the_end_of_a_block(file):
    with DeepPot(file) as dp:
        assert not dp.backend.is_closed
    assert dp.backend.is_closed


def test_copies_open_the_file_again(file):
    dp = DeepPot(file, head="water")
    other = copy.deepcopy(dp)
    assert other.backend is not dp.backend
    assert other.backend.options["head"] == "water"
    assert_same(other.eval(COORD, CELL, ATYPE), dp.eval(COORD, CELL, ATYPE))


def test_missing_file(tmp_path):
    with pytest.raises(ModelFileError, match=r"no model file .*nowhere.pth"):
        DeepPot(tmp_path / "nowhere.pth")
    with pytest.raises(InputError, match=r"the model file is 5; expected its path\."):
        DeepPot(5)


@pytest.mark.parametrize(("name", "message"), [("model.abc", "'.abc'.*.morse"), ("model.pb", "pip install deepmd-tf")])
def test_files_that_no_backend_reads(file, tmp_path, name, message):
    (tmp_path / name).touch()
    with pytest.raises(BackendError, match=message):
        DeepPot(tmp_path / name)
