# SPDX-License-Identifier: LGPL-3.0-or-later
"""Fittings of neither energies nor dipoles: densities of states, polarizabilities, properties, populations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import load_case

from deepmd.contract import new_document, read_document, write_document
from deepmd.data.batch import Batch
from deepmd.errors import InputError
from deepmd.infer import DeepDOS, DeepEval, DeepGlobalPolar, DeepPolar, DeepPopulation, DeepProperty
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.model import deserialize_model, new_model
from deepmd_dp.statistics.output import OutputStatistics

DESCRIPTOR = {"type": "se_e2_a", "sel": [14, 26], "rcut": 4.0, "neuron": [2, 4], "axis_neuron": 2}
FITTINGS = {
    "dos": {"type": "dos", "numb_dos": 5},
    "polar": {"type": "polar", "scale": [0.5, 2.0]},
    "polar, full": {"type": "polar", "fit_diag": False, "shift_diag": False},
    "property": {"type": "property", "property_name": "gap", "task_dim": 2},
    "property, intensive": {"type": "property", "property_name": "gap", "intensive": True, "distinguish_types": False},
    "population": {"type": "population"},
}
CLASSES = {"dos": DeepDOS, "polar": DeepPolar, "property": DeepProperty}


@pytest.fixture
def model_of(model_section):
    """Makes a new model of one of the fittings, changed."""

    def make(name, **changes):
        net = {**FITTINGS[name], "neuron": [3, 3], **changes}
        section = {"type_map": ["O", "H"], "descriptor": DESCRIPTOR, "fitting_net": net}
        return new_model(model_section(**section), np.random.default_rng(0))

    return make


@pytest.fixture
def evaluator(tmp_path):
    """Opens a model by way of a file."""

    def open_model(model):
        path = tmp_path / "model.dp"
        write_document(path, new_document(model.serialize(), backend="DP", model_def_script={}))
        return DeepEval(path)

    return open_model


def batch_of(water, name, values):
    labels = {name: np.asarray(values, dtype=float)}
    return Batch(water.coord, water.box, water.atype, labels, {name: True}, system="water", frames=np.arange(3))


def fitted(model, batches):
    statistics = OutputStatistics(model, None)
    for each in batches:
        statistics.add(each)
    return statistics.apply(model)


@pytest.mark.parametrize("name", FITTINGS)
def test_files_come_back_as_they_are(model_of, name):
    model = model_of(name)
    again = deserialize_model(model.serialize())
    assert again.outputs == model.outputs
    water = load_case("sea")
    env = build_environment(model, water.coord, water.box, water.atype)
    for key, values in model(env).items():
        np.testing.assert_allclose(again(env)[key], values, atol=1e-14)
        assert np.abs(values).max() > 1e-4


@pytest.mark.parametrize("name", ["dos", "polar_real", "property_real", "population_real"])
def test_trees_of_deepmd_kit_keep_all_entries(name):
    tree = read_document(load_case(name).path)["model"]["fitting"]
    again = deserialize_model(read_document(load_case(name).path)["model"]).serialize()["fitting"]
    assert again.keys() == tree.keys()
    assert again["@variables"].keys() == tree["@variables"].keys()
    plain = [key for key, value in tree.items() if not isinstance(value, dict)]
    assert {key: again[key] for key in plain} == {key: tree[key] for key in plain}


@pytest.mark.parametrize("name", ["polar", "polar, full"])
def test_polarizabilities_rotate_with_the_atoms(model_of, name):
    water = load_case("sea")
    rng = np.random.default_rng(3)
    model = model_of(name)
    model = replace(model, out_bias=rng.normal(size=model.out_bias.shape))
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))

    def tensors(coord, box):
        env = build_environment(model, coord, box, water.atype)
        return model(env)["polarizability"].reshape(3, -1, 3, 3)

    plain = tensors(water.coord, water.box)
    np.testing.assert_allclose(plain, np.swapaxes(plain, 2, 3), atol=1e-14)
    np.testing.assert_allclose(tensors(water.coord @ q + 0.7, water.box @ q), q.T @ plain @ q, atol=1e-12)


def test_a_polarizability_is_shifted_along_its_diagonal(model_of):
    water = load_case("sea")
    model = model_of("polar")
    env = build_environment(model, water.coord, water.box, water.atype)
    bias = np.arange(18.0).reshape(1, 2, 9)
    difference = replace(model, out_bias=bias)(env)["polarizability"] - model(env)["polarizability"]
    # a third of the traces 0 + 4 + 8 and 9 + 13 + 17, times the types' scales
    size = np.array([0.5 * 4.0, 2.0 * 13.0])[water.atype]
    np.testing.assert_allclose(difference, size[..., None] * np.eye(3).reshape(9), atol=1e-12)
    rigid = model_of("polar, full")
    unshifted = replace(rigid, out_bias=bias)(env)["polarizability"]
    np.testing.assert_array_equal(unshifted, rigid(env)["polarizability"])


def test_selected_types_have_the_polarizability(model_of, evaluator):
    water, dp = load_case("sea"), evaluator(model_of("polar", sel_type=[1]))
    atomic = dp.eval(water.coord, water.box, water.atype[0])
    assert np.all(atomic[:, water.atype[0] == 0] == 0.0)
    assert np.abs(atomic[:, water.atype[0] == 1]).min(axis=(0, 1)).max() > 0.0


def test_a_property_has_the_mean_and_the_deviation_of_the_data(model_of):
    """Where its types are not told apart; the net's numbers are of size one."""
    water, values = load_case("sea"), np.array([[4.0], [5.0], [9.0]])
    model = fitted(model_of("property, intensive"), [batch_of(water, "gap", values)])
    np.testing.assert_allclose(model.out_bias[0], 6.0)
    np.testing.assert_allclose(model.out_std[0], np.std(values))
    env = build_environment(model, water.coord, water.box, water.atype)
    raw = model.fitting(model.descriptor(env), env, None, None)["gap"]
    np.testing.assert_allclose(model(env)["gap"], np.std(values) * raw + 6.0)


def test_a_common_bias_of_sums_is_that_of_an_atom(model_of):
    water = load_case("sea")
    values = np.array([[12.0, 0.0], [24.0, 0.0], [36.0, 12.0]])
    model = fitted(model_of("property", distinguish_types=False), [batch_of(water, "gap", values)])
    np.testing.assert_allclose(model.out_bias[0], [[2.0, 1.0 / 3.0]] * 2)
    np.testing.assert_allclose(model.out_std[0], [np.std(values / 12, axis=0)] * 2)


@pytest.mark.parametrize("name", ["dos", "polar", "property", "property, intensive"])
def test_classes_of_the_kinds(model_of, evaluator, name):
    water, model = load_case("sea"), model_of(name)
    dp = evaluator(model)
    assert type(dp) is CLASSES[name.split(",")[0]]
    frame = (water.coord, water.box, water.atype[0])
    size = model.outputs[0].ncomponents
    if name == "polar":
        assert dp.output_tensor_name == "polar"
        whole, of_atoms = dp.eval(*frame, atomic=False), dp.eval(*frame)
        np.testing.assert_array_equal(DeepGlobalPolar(dp.model_file).eval(*frame), whole)
        with pytest.raises(InputError, match="polarizability has no derivatives"):
            dp.eval_full(*frame)
    else:
        whole, of_atoms = dp.eval(*frame, atomic=True)
        (alone,) = dp.eval(*frame)
        np.testing.assert_array_equal(alone, whole)
        assert (dp.get_var_name(), dp.get_task_dim()) == (model.outputs[0].name, size)
        assert dp.get_intensive() == ("intensive" in name)
    assert (whole.shape, of_atoms.shape) == ((3, size), (3, 12, size))
    reduced = of_atoms.mean(axis=1) if "intensive" in name else of_atoms.sum(axis=1)
    np.testing.assert_allclose(whole, reduced, atol=1e-12)


def test_populations_are_those_of_atoms(model_of, evaluator):
    water, model = load_case("sea"), model_of("population")
    dp = evaluator(model)
    assert type(dp) is DeepPopulation
    (population,) = dp.eval(water.coord, water.box, water.atype[0])
    assert population.shape == (3, 12, 2)
    assert [term.name for term in model.outputs[0].terms()] == ["atom_population"]
    # the data have no say in a bias
    np.testing.assert_array_equal(OutputStatistics(model, None).apply(model).out_bias, model.out_bias)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("polar", {"scale": [1.0]}, "fitting_net/scale"),
        ("polar", {"sel_type": 2}, "there is no type 2"),
        ("property", {"property_name": "energy"}, "property_name"),
        ("property", {"property_name": "a/b"}, "property_name"),
        ("property", {"task_dim": 0}, "task_dim"),
        ("dos", {"numb_dos": 0}, "numb_dos"),
        ("dos", {"trainable": [True]}, "fitting_net/trainable"),
    ],
)
def test_what_cannot_be_is_refused(model_of, name, changes, message):
    with pytest.raises(InputError, match=message):
        model_of(name, **changes)


def test_a_polarizability_needs_directions(model_of, monkeypatch):
    monkeypatch.setitem(DESCRIPTOR, "type", "se_e2_r")
    monkeypatch.delitem(DESCRIPTOR, "axis_neuron")
    with pytest.raises(InputError, match="'polar', which needs a descriptor that knows directions"):
        model_of("polar")
