# SPDX-License-Identifier: LGPL-3.0-or-later
"""Statistics of a new model: against deepmd-kit's figures (see data/statistics/make.py), and their edges."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

from deepmd.data.batch import Batch
from deepmd.errors import DataError
from deepmd_dp.dialect.module import modules
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.environment.environment_matrix import EnvironmentMatrix
from deepmd_dp.model import new_model
from deepmd_dp.statistics import with_statistics
from deepmd_dp.statistics.moments import Moments

DEEPMD_KIT = json.loads((Path(__file__).parent / "data" / "statistics" / "statistics.json").read_text())


def make_batches(type_map=("O", "H"), **found):
    """The systems of the figures, each as one batch."""
    index = np.array([type_map.index(name) for name in "OH"])
    for system in DEEPMD_KIT["systems"]:
        arrays = {key: None if value is None else np.asarray(value) for key, value in system.items()}
        box = None if arrays["box"] is None else arrays["box"].reshape(-1, 3, 3)
        labels = {name: arrays[name] for name in ("energy", "fparam", "aparam")}
        has = dict.fromkeys(labels, True) | found
        yield Batch(arrays["coord"], box, index[arrays["atype"]], labels, has)


@pytest.fixture
def with_data(model_section):
    """Makes a model of the figures' section with some keys changed, and gives it the statistics of batches."""

    def make(batches, **changes):
        section = model_section(**deepcopy(DEEPMD_KIT["defaults"]) | deepcopy(changes))
        return with_statistics(new_model(section, np.random.default_rng(0)), batches, section)

    return make


def matrix_of(model):
    """The environment matrix of a model with one."""
    ((_, matrix),) = modules(model, EnvironmentMatrix)
    return matrix


@pytest.mark.parametrize("name", DEEPMD_KIT["cases"])
def test_equals_deepmd_kit(with_data, name):
    case = DEEPMD_KIT["cases"][name]
    section = case["section"]
    found = {"fparam": False} if name == "default_fparam" else {}
    model = with_data(make_batches(section.get("type_map", ("O", "H")), **found), **section)
    stat = matrix_of(model)
    found = {
        "davg": stat.davg[:, :2],
        "dstd": stat.dstd[:, :2],
        "out_bias": model.out_bias[0, :, 0],
        "out_std": model.out_std[0, :, 0],
        **{name: getattr(model.fitting.nets, name) for name in case if name.startswith(("fparam", "aparam"))},
    }
    for key, value in found.items():
        np.testing.assert_allclose(value, case[key], rtol=1e-12, atol=1e-12, err_msg=key)


def test_slots_are_equal_and_angles_share_a_deviation(with_data):
    variables = matrix_of(with_data(make_batches())).serialize_variables()
    davg, dstd = variables["davg"], variables["dstd"]
    assert davg.shape == dstd.shape == (2, 40, 4)
    assert np.all(davg == davg[:, :1]) and np.all(davg[..., 1:] == 0.0)
    assert np.all(dstd == dstd[:, :1]) and np.all(dstd[..., 2:] == dstd[..., 1:2])


def test_precision_of_the_sections_is_kept(with_data):
    descriptor = {**DEEPMD_KIT["defaults"]["descriptor"], "precision": "float32"}
    fitting = {**DEEPMD_KIT["defaults"]["fitting_net"], "precision": "float32", "numb_fparam": 2}
    model = with_data(make_batches(), descriptor=descriptor, fitting_net=fitting)
    assert matrix_of(model).davg.dtype == matrix_of(model).dstd.dtype == np.float32
    assert model.fitting.nets.fparam_avg.dtype == model.fitting.nets.fparam_inv_std.dtype == np.float32
    assert model.out_bias.dtype == np.float64


def test_batches_may_be_cut_anywhere(with_data):
    def cut():
        for batch in make_batches():
            for f in range(batch.nframes):
                box = None if batch.box is None else batch.box[[f]]
                labels = {key: value[[f]] for key, value in batch.labels.items()}
                yield Batch(batch.coord[[f]], box, batch.atype[[f]], labels, batch.found)

    whole, pieces = with_data(make_batches()), with_data(cut())
    np.testing.assert_allclose(matrix_of(pieces).davg, matrix_of(whole).davg, rtol=1e-13)
    np.testing.assert_allclose(pieces.out_bias, whole.out_bias, rtol=1e-13)


def test_virtual_atoms_change_nothing(with_data):
    def padded():
        for batch in make_batches():
            far = np.full((batch.nframes, 2, 3), 1.0)
            atype = np.concatenate([batch.atype, np.full((batch.nframes, 2), -1)], axis=1)
            aparam = np.concatenate([batch.labels["aparam"], np.zeros((batch.nframes, 2, 1))], axis=1)
            labels = batch.labels | {"aparam": aparam}
            yield Batch(np.concatenate([batch.coord, far], axis=1), batch.box, atype, labels, batch.found)

    fitting = {**DEEPMD_KIT["defaults"]["fitting_net"], "numb_aparam": 1}
    plain = with_data(make_batches(), fitting_net=fitting)
    other = with_data(padded(), fitting_net=fitting)
    np.testing.assert_allclose(matrix_of(other).dstd, matrix_of(plain).dstd, rtol=1e-13)
    np.testing.assert_allclose(other.fitting.nets.aparam_avg, plain.fitting.nets.aparam_avg, rtol=1e-13)
    np.testing.assert_allclose(other.out_bias, plain.out_bias, rtol=1e-13)


def test_full_lists_count_all_their_neighbors(with_data):
    """A sel of 2 is less than any list here has: the mean is that over the neighbors themselves."""
    atten = {**DEEPMD_KIT["defaults"]["descriptor"], "type": "se_atten", "attn_layer": 0, "set_davg_zero": False}
    narrow, wide = (with_data(make_batches(), descriptor={**atten, "sel": sel}) for sel in (2, 40))
    natoms, nedges = np.zeros(2), np.zeros(2)
    for batch in make_batches():
        nneighbors = np.sum(build_environment(wide, batch.coord, batch.box, batch.atype).lists[0][0].nlist >= 0, axis=2)
        assert np.all((nneighbors >= 2) & (nneighbors <= 40))
        natoms += np.bincount(batch.atype.ravel())
        nedges += np.bincount(batch.atype.ravel(), nneighbors.ravel())
    expected = matrix_of(wide).davg[:, 0] * 40 * natoms / nedges
    np.testing.assert_allclose(matrix_of(narrow).davg[:, 0], expected, rtol=1e-13)


def test_types_keep_their_energy_in_vacuum_unless_preset(with_data):
    fitting = {**DEEPMD_KIT["defaults"]["fitting_net"], "atom_ener": [-400.0, -13.6]}
    model = with_data(make_batches(), fitting_net=fitting, preset_out_bias={"energy": [None, 1.5]})
    np.testing.assert_array_equal(model.out_bias[0, :, 0], [-400.0, 1.5])


def test_without_energies_the_bias_is_zero(with_data):
    model = with_data(make_batches(energy=False))
    assert np.all(model.out_bias == 0.0) and np.all(model.out_std == 1.0)


def test_systems_without_energy_do_not_count_for_the_bias(with_data):
    first, second = make_batches()
    second.found["energy"] = False
    alone = with_data([first])
    both = with_data([first, second])
    np.testing.assert_array_equal(both.out_bias, alone.out_bias)
    assert not np.array_equal(matrix_of(both).davg, matrix_of(alone).davg)


def test_deviation_is_protected():
    moments = Moments((3,))
    moments.count += 2, 2, 0
    moments.total += 6, 4, 0
    moments.square += 18, 16, 0
    np.testing.assert_allclose(moments.mean(), [3.0, 2.0, 0.0])
    np.testing.assert_allclose(moments.deviation(0.01), [0.01, 2.0, 0.1])


@pytest.mark.filterwarnings("error")
def test_a_frame_with_two_atoms_at_one_place_is_named(with_data):
    first = next(make_batches())
    coord = np.concatenate([first.coord] * 3)
    coord[2, 1] = coord[2, 0]
    labels = {name: np.concatenate([label] * 3) for name, label in first.labels.items()}
    box = None if first.box is None else np.concatenate([first.box] * 3)
    frames = 10 + np.arange(len(coord))
    batch = Batch(coord, box, np.concatenate([first.atype] * 3), labels, first.found, system="data/a", frames=frames)
    with pytest.raises(DataError, match="system data/a, frame 12: two atoms are at the same place"):
        with_data([batch])
