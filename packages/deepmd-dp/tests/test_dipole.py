# SPDX-License-Identifier: LGPL-3.0-or-later
"""The fitting `dipole`: deepmd-kit's numbers, finite differences, symmetries, selected types, files."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from conftest import load_case

from deepmd.contract import new_document, read_document, write_document
from deepmd.contract.self_test import make_self_test
from deepmd.errors import InputError
from deepmd.infer import DeepDipole
from deepmd_dp.conformance.reference_numbers import expected_terms
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.model import deserialize_model, new_model
from deepmd_dp.numpy_backend.deep_eval import NumpyDeepEval

DESCRIPTORS = {
    "se_e2_a": {"type": "se_e2_a", "sel": [14, 26], "rcut": 4.0, "neuron": [2, 4], "axis_neuron": 2},
    "se_atten": {"type": "se_atten", "sel": 40, "rcut": 4.0, "neuron": [2, 4], "axis_neuron": 2, "attn_layer": 1},
    "dpa2": {
        "type": "dpa2",
        "repinit": {"rcut": 4.0, "rcut_smth": 0.5, "nsel": 40, "neuron": [2, 4], "axis_neuron": 2, "tebd_dim": 4},
        "repformer": {
            "rcut": 3.0,
            "rcut_smth": 0.5,
            "nsel": 20,
            "nlayers": 2,
            "g1_dim": 6,
            "g2_dim": 4,
            "axis_neuron": 2,
        },
    },
    "hybrid": {
        "type": "hybrid",
        "list": [
            {"type": "se_e2_a", "sel": [14, 26], "rcut": 4.0, "neuron": [2, 4], "axis_neuron": 2},
            {"type": "se_e2_r", "sel": [14, 26], "rcut": 3.0, "neuron": [2, 4]},
        ],
    },
}
STEP = 1e-4


@pytest.fixture(scope="module", params=["dipole", "dipole_real"])
def case(request):
    return load_case(request.param)


@pytest.fixture
def model_of(model_section):
    """Makes a new model of an input's keys."""

    def make(descriptor="se_e2_a", fitting=None, **changes):
        net = {"type": "dipole", "neuron": [3, 3], **(fitting or {})}
        section = {"type_map": ["O", "H"], "descriptor": deepcopy(DESCRIPTORS[descriptor]), "fitting_net": net}
        return new_model(model_section(**section | changes), np.random.default_rng(0))

    return make


@pytest.fixture
def evaluator(tmp_path):
    """Opens a model by way of a file."""

    def open_model(model):
        path = tmp_path / "model.dp"
        write_document(path, new_document(model.serialize(), backend="DP", model_def_script={}))
        return DeepDipole(path)

    return open_model


def dipoles(model, case, coord=None, box=None, parameters=()):
    env = build_environment(model, case.coord if coord is None else coord, box, case.atype)
    return model(env, *parameters)["dipole"]


@pytest.mark.parametrize("boundary", ["pbc", "nopbc"])
def test_equals_deepmd_kit(case, boundary):
    deep_eval = NumpyDeepEval(str(case.path), native=False)
    terms = deep_eval.eval(case.coord, case.box_of(boundary), case.atype, atomic=True)
    expected = expected_terms(case.numbers, boundary, deep_eval.outputs)
    assert set(terms) == set(expected)
    for name, values in expected.items():
        atol = 1e-10 * np.abs(values).max()
        np.testing.assert_allclose(terms[name], values.reshape(terms[name].shape), rtol=0.0, atol=atol, err_msg=name)


def test_atomic_dipoles_in_every_library(case, library):
    env = build_environment(case.model, case.coord, case.box, case.atype)
    dipole = library.convert(case.model)(library.convert(env))["dipole"]
    np.testing.assert_allclose(library.to_numpy(dipole), case.numbers["pbc_dipole"], rtol=0.0, atol=1e-12)


@pytest.mark.parametrize(("atom", "axis"), [(0, 0), (5, 1), (11, 2)])
def test_forces_by_finite_differences(case, atom, axis):
    """Of each component: which of the two axes is which is seen here."""
    dp = DeepDipole(case.path)
    moved = np.zeros_like(case.coord)
    moved[:, atom, axis] = STEP
    plus, minus = (dp.eval(case.coord + s * moved, case.box, case.atype[0], atomic=False) for s in (1, -1))
    force = dp.eval_full(case.coord, case.box, case.atype[0])[1]
    np.testing.assert_allclose(force[:, :, atom, axis], (minus - plus) / (2 * STEP), atol=1e-5 * np.abs(force).max())


@pytest.mark.parametrize(("row", "column"), [(0, 0), (1, 2), (2, 1)])
def test_virials_by_finite_differences(case, row, column):
    dp = DeepDipole(case.path)
    strain = np.zeros((3, 3))
    strain[row, column] = STEP

    def strained(sign):
        """Of the frames in which x is (1 + strain) x."""
        deformation = (np.eye(3) + sign * strain).T
        return dp.eval(case.coord @ deformation, case.box @ deformation, case.atype[0], atomic=False)

    virial = dp.eval_full(case.coord, case.box, case.atype[0])[2]
    expected = (strained(-1) - strained(1)) / (2 * STEP)
    np.testing.assert_allclose(virial[:, :, 3 * row + column], expected, atol=1e-5 * np.abs(virial).max())


@pytest.mark.parametrize("descriptor", DESCRIPTORS)
def test_dipoles_rotate_with_the_atoms(model_of, descriptor):
    model, water = model_of(descriptor), load_case("dipole_real")
    q, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    plain = dipoles(model, water, box=water.box)
    assert np.abs(plain).max() > 1e-4
    rotated = dipoles(model, water, water.coord @ q + 0.7, water.box @ q)
    np.testing.assert_allclose(rotated, plain @ q, atol=1e-13)
    mirrored = dipoles(model, water, -water.coord, -water.box)
    np.testing.assert_allclose(mirrored, -plain, atol=1e-13)


@pytest.mark.parametrize("sel_type", [[0], 0])
def test_selected_types(model_of, evaluator, sel_type):
    """Others have no dipole, and the file says so where deepmd-kit's TensorFlow and its PyTorch look for it."""
    model, water = model_of(fitting={"sel_type": sel_type}), load_case("dipole_real")
    assert model.outputs[0].selected_types == (0,)
    tree = model.serialize()
    assert tree["fitting"]["exclude_types"] == tree["atom_exclude_types"] == [1]
    dp = evaluator(model)
    atomic = dp.eval(water.coord, water.box, water.atype[0])
    assert np.all(atomic[:, water.atype[0] == 0] != 0.0)
    assert np.all(atomic[:, water.atype[0] == 1] == 0.0)
    assert dp.get_sel_type() == [0]
    np.testing.assert_allclose(dp.eval(water.coord, water.box, water.atype[0], atomic=False), atomic.sum(axis=1))


def test_excluded_atoms_are_not_selected(model_of):
    model = model_of(atom_exclude_types=[1])
    assert model.outputs[0].selected_types == (0,)


def test_parameters_enter(model_of):
    model, water = model_of(fitting={"numb_fparam": 1, "numb_aparam": 1}), load_case("dipole_real")
    fparam, aparam = np.ones((3, 1)), np.ones((3, 12, 1))
    plain = dipoles(model, water, parameters=(fparam, aparam))
    for changed in ((2 * fparam, aparam), (fparam, 2 * aparam)):
        assert np.abs(dipoles(model, water, parameters=changed) - plain).max() > 1e-6


def test_there_is_no_bias(model_of):
    """As in deepmd-kit, whose files have one all the same."""
    model, water = model_of(), load_case("dipole_real")
    biased = replace(model, out_bias=model.out_bias + 1.0)
    np.testing.assert_array_equal(dipoles(biased, water), dipoles(model, water))


def test_a_descriptor_without_vectors_is_refused(model_of, monkeypatch):
    monkeypatch.setitem(DESCRIPTORS, "radial", {"type": "se_e2_r", "sel": [14, 26], "rcut": 4.0, "neuron": [2, 4]})
    with pytest.raises(InputError, match="needs a descriptor that knows directions"):
        model_of("radial")


def test_files_of_deepmd_kit_come_back_as_they_are(case, tmp_path):
    """All entries and arrays, so that deepmd-kit reads ours."""
    original = read_document(case.path)["model"]
    written = deserialize_model(original).serialize()
    write_document(tmp_path / "copy.dp", new_document(written, backend="DP", model_def_script={}))
    copy = read_document(tmp_path / "copy.dp")["model"]
    assert_same_tree(copy["fitting"], original["fitting"])
    np.testing.assert_array_equal(copy["@variables"]["out_bias"], original["@variables"]["out_bias"])


def assert_same_tree(one, other):
    if isinstance(other, dict):
        assert one.keys() == other.keys()
        for key in other:
            assert_same_tree(one[key], other[key])
    elif isinstance(other, list):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_same_tree(*pair)
    else:
        np.testing.assert_array_equal(one, other)


def test_nets_of_types_not_selected_may_be_missing(case, evaluator):
    """So deepmd-kit's TensorFlow writes them."""
    tree = read_document(case.path)["model"]
    tree["fitting"]["exclude_types"] = [1]
    expected = evaluator(deserialize_model(tree)).eval_full(case.coord, case.box, case.atype[0])
    tree["fitting"]["nets"]["networks"][1] = None
    for one, other in zip(
        evaluator(deserialize_model(tree)).eval_full(case.coord, case.box, case.atype[0]), expected, strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_self_test_with_ghosts(case):
    """The forces on all images of an atom add up to those in the periodic frame."""
    frames = make_self_test(NumpyDeepEval(str(case.path)))["frames"]
    inputs, ghosts, periodic = (
        frames[name][part]["@variables"]
        for name, part in (("ghosts", "input"), ("ghosts", "results"), ("periodic", "results"))
    )
    np.testing.assert_allclose(ghosts["atom_dipole"], periodic["atom_dipole"], rtol=1e-11)
    np.testing.assert_allclose(ghosts["dipole_virial"], periodic["dipole_virial"], atol=1e-11)
    folded = np.zeros_like(periodic["dipole_force"])
    for k in range(3):
        np.add.at(folded[0, k], inputs["mapping"][0], ghosts["dipole_force"][0, k])
    np.testing.assert_allclose(folded, periodic["dipole_force"], atol=1e-11)
    if case.name == "dipole_real":  # the other one has statistics that tell directions apart
        assert not frames["isolated"]["results"]["@variables"]["atom_dipole"].any()
