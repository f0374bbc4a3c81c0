# SPDX-License-Identifier: LGPL-3.0-or-later
"""What every model must do: symmetries, virtual atoms, files, new models of an input."""

from __future__ import annotations

import gc
import weakref
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from conftest import map_matrices

from deepmd.contract import map_arrays, new_document, read_document, walk_arrays, write_document
from deepmd.errors import InputError, ModelFileError
from deepmd.infer import DeepPot
from deepmd_dp.dialect.module import leaves
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.model import deserialize_model, new_model
from deepmd_dp.model.evaluate import evaluate
from deepmd_dp.numpy_backend.deep_eval import NumpyDeepEval
from deepmd_dp.numpy_backend.derivative import derivative

SEA = {"type": "se_e2_a", "sel": [14, 26], "rcut": 4.0, "rcut_smth": 0.5, "neuron": [2, 4], "axis_neuron": 2}
ATTEN = {**SEA, "type": "se_atten", "sel": 40, "attn": 3, "attn_layer": 1, "tebd_dim": 2}
NEW_MODELS = {
    "se_e2_a": {"descriptor": SEA},
    "se_e2_a_one_side": {"descriptor": {**SEA, "type_one_side": True, "resnet_dt": True}},
    "se_e2_a_float32": {"descriptor": {**SEA, "precision": "float32"}, "fitting_net": {"precision": "float32"}},
    "se_e2_r": {"descriptor": {**{k: v for k, v in SEA.items() if k != "axis_neuron"}, "type": "se_e2_r"}},
    "se_atten": {"descriptor": ATTEN},
    "se_atten_strip": {"descriptor": {**ATTEN, "attn_layer": 0, "tebd_input_mode": "strip"}},
    "se_atten_econf": {"descriptor": {**ATTEN, "use_econf_tebd": True, "type_one_side": True}},
    "se_atten_no_tebd": {"descriptor": {**ATTEN, "concat_output_tebd": False, "use_tebd_bias": True}},
    "se_atten_v2": {"descriptor": {**ATTEN, "type": "se_atten_v2"}},
    "parameters": {
        "descriptor": SEA,
        "fitting_net": {"numb_fparam": 2, "numb_aparam": 1, "default_fparam": [1.0, 2.0]},
    },
    "atom_ener": {"descriptor": SEA, "fitting_net": {"atom_ener": [-3.0, None]}},
    "excluded": {"descriptor": SEA, "pair_exclude_types": [[0, 1]], "atom_exclude_types": [0]},
}


@pytest.fixture
def from_section(model_section):
    """Makes a new model of a section's keys and a seed."""

    def make(seed=0, **changes):
        section = {"type_map": ["O", "H"], "fitting_net": {}} | deepcopy(changes)
        section["fitting_net"] = {"neuron": [3, 3]} | section["fitting_net"]
        return new_model(model_section(**section), np.random.default_rng(seed))

    return make


@pytest.fixture(params=NEW_MODELS)
def new(request, from_section):
    """A new model with random weights, and statistics as data gives them."""
    model = from_section(**NEW_MODELS[request.param])

    def fill(matrix):
        davg, dstd = np.zeros_like(matrix.davg), np.full_like(matrix.dstd, 0.2)
        davg[:, 0] = [0.03, 0.05]
        return replace(matrix, davg=davg, dstd=dstd)

    return map_matrices(model, fill)


def parameters_of(model):
    """Frame and atomic parameters for the frames of `water`, where the model takes them."""
    return (
        np.full((3, model.dim_fparam), 0.3) if model.dim_fparam else None,
        np.full((3, 12, model.dim_aparam), -0.2) if model.dim_aparam else None,
    )


def close(case, actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=0.0, atol=case.tolerance)


def rotation():
    q, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    return q * np.linalg.det(q)


def test_translation_and_rotation_change_nothing(case):
    model, q = case.smooth_model, rotation()
    energy = case.energy(model=model)
    close(case, case.energy(model=model, coord=case.coord + np.array([0.7, -11.0, 3.3])), energy)
    close(case, case.energy(model=model, coord=case.coord @ q, box=case.box @ q), energy)


def test_permutation_permutes_the_atomic_energies(case):
    order = np.random.default_rng(5).permutation(case.coord.shape[1])
    parameters = case.parameters
    if "aparam" in parameters:
        parameters = parameters | {"aparam": parameters["aparam"][:, order]}
    energy = case.energy(coord=case.coord[:, order], atype=case.atype[:, order], parameters=parameters)
    close(case, energy, case.energy()[:, order])


def test_virtual_atoms_change_nothing(case):
    def pad(array, value):
        return np.insert(array, [0, 5], value, axis=1)

    parameters = {k: pad(v, 0.3) if k == "aparam" else v for k, v in case.parameters.items()}
    energy = case.energy(coord=pad(case.coord, 0.1), atype=pad(case.atype, -1), parameters=parameters)
    close(case, np.delete(energy, [0, 6], axis=1), case.energy())
    assert np.all(energy[:, [0, 6]] == 0.0)


def test_an_atom_alone_has_a_finite_energy(case):
    parameters = {name: value[:1, :1] if name == "aparam" else value[:1] for name, value in case.parameters.items()}
    energy = case.energy(coord=np.zeros((1, 1, 3)), box=None, atype=np.array([[1]]), parameters=parameters)
    assert energy.shape == (1, 1, 1) and np.all(np.isfinite(energy))


def test_excluded_atoms_have_no_energy(from_section):
    model = from_section(**NEW_MODELS["excluded"])
    coord, atype = np.eye(3)[None], np.array([[0, 1, 1]])
    energy = model(build_environment(model, coord, None, atype))["energy"]
    assert energy[0, 0, 0] == 0.0 and np.all(energy[0, 1:] != 0.0)


def test_a_lone_atom_has_its_energy_in_vacuum(from_section):
    """With the bias that the statistics give it: the net's own value at no neighbors is subtracted."""
    model = from_section(**NEW_MODELS["atom_ener"])
    model = replace(model, out_bias=np.array([[[-3.0], [-1.0]]]))
    energy = model(build_environment(model, np.array([[[0.0] * 3, [50.0] * 3]]), None, np.array([[0, 1]])))["energy"]
    assert energy[0, 0, 0] == pytest.approx(-3.0, abs=1e-14)
    assert energy[0, 1, 0] != pytest.approx(-1.0, abs=1e-3)


def test_missing_fparam_takes_the_default(from_section, water):
    model = from_section(**NEW_MODELS["parameters"])
    env = build_environment(model, water.coord, None, water.atype)
    aparam = np.zeros((3, 12, 1))
    given = model(env, np.array([[1.0, 2.0]] * 3), aparam)["energy"]
    np.testing.assert_array_equal(model(env, None, aparam)["energy"], given)
    assert not np.array_equal(model(env, np.zeros((3, 2)), aparam)["energy"], given)


def test_equal_seeds_start_equal(from_section):
    first, same, other = (dict(named(from_section(seed, descriptor=ATTEN))) for seed in (1, 1, 2))
    assert all(np.array_equal(first[path], same[path]) for path in first)
    path = "descriptor.embedding.embeddings.networks.0.layers.0.w"
    assert not np.array_equal(first[path], other[path])


def is_single(model):
    """Whether a part of it computes in float32."""
    return any(array.dtype == np.float32 for _, array in named(model))


def named(model):
    return ((leaf.path, leaf.array) for leaf in leaves(model))


def test_a_seed_of_its_own_starts_a_section_equal(from_section):
    models = [from_section(seed, descriptor={**SEA, "seed": 4}) for seed in (1, 2)]
    first, second = (dict(named(model)) for model in models)
    differ = {path.split(".")[0] for path in first if not np.array_equal(first[path], second[path])}
    assert differ == {"fitting"}


def same_arrays(first, second):
    """Whether two serialized models hold the same arrays, to the bit and with their types."""
    arrays, others = (dict(walk_arrays(tree)) for tree in (first, second))
    equal = [np.array_equal(a, others.get(k)) and a.dtype == others[k].dtype for k, a in arrays.items()]
    return arrays.keys() == others.keys() and all(equal)


def settings(tree):
    return map_arrays(tree, lambda array: None)


def test_new_models_survive_serialization(new):
    tree = new.serialize()
    again = deserialize_model(deepcopy(tree)).serialize()
    assert same_arrays(again, tree)
    assert settings(again) == settings(tree)


def test_files_keep_every_array(case):
    tree = read_document(str(case.path))["model"]
    assert same_arrays(case.model.serialize(), tree)


def test_the_energy_survives_serialization(new, water):
    again = deserialize_model(deepcopy(new.serialize()))
    env = build_environment(new, water.coord, water.box, water.atype)
    energy = new(env, *parameters_of(new))["energy"]
    # a model that is read has matrices for its nets
    tolerance = 1e-5 if is_single(new) else 1e-12
    np.testing.assert_allclose(again(env, *parameters_of(new))["energy"], energy, rtol=0.0, atol=tolerance)
    assert np.all(np.isfinite(energy))


def test_forces_are_the_slope_of_the_energy(new, water):
    """Along a random displacement of all atoms, by central differences."""
    h, direction = 1e-4, np.random.default_rng(9).normal(size=water.coord.shape)

    def energy_at(coord):
        env = build_environment(new, coord, water.box, water.atype)
        return new(env, *parameters_of(new))["energy"].sum(axis=(1, 2))

    env = build_environment(new, water.coord, water.box, water.atype)
    force = evaluate(new, env, *parameters_of(new), derivative)["force"]
    slope = (energy_at(water.coord + h * direction) - energy_at(water.coord - h * direction)) / (2 * h)
    tolerance = 0.05 if is_single(new) else 1e-6
    np.testing.assert_allclose(-np.sum(force * direction, axis=(1, 2)), slope, rtol=0.0, atol=tolerance)
    assert np.max(np.abs(slope)) > 1e-3


@pytest.mark.parametrize("key", ["descriptor", "fitting", "type_map", "@variables", "@version"])
def test_a_missing_key_is_a_model_file_error(water, key):
    tree = water.model.serialize()
    del tree[key]
    with pytest.raises(ModelFileError):
        deserialize_model(tree)


def set_at(tree, path, value):
    *parents, last = path
    for key in parents:
        tree = tree[key]
    tree[last] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("type",), "dpa4", "model 'dpa4': deepmd-kit has it"),
        (("@version",), 99, "newer"),
        (("descriptor", "type"), "dpa9", "'dpa9': there is no such descriptor"),
        (("descriptor", "@version"), 99, "newer"),
        (("descriptor", "@variables", "davg"), np.zeros((2, 3, 4)), "davg"),
        (("descriptor", "embeddings", "networks", 0, "layers", 1, "@variables", "b"), None, "b"),
        (("descriptor", "embeddings", "networks"), [], "embedding net: 0 nets; expected 2"),
        (("descriptor", "embeddings", "networks", 1, "in_dim"), 2, "net 1, layer 0: array `w` has 1 rows; expected 2"),
        (("descriptor", "sel"), None, "cannot be read"),
        (("fitting", "type"), "charm", "'charm': there is no such fitting"),
        (("fitting", "nets", "@class"), "Nonsense", "Nonsense"),
        (("@variables", "out_bias"), np.zeros((1, 7, 1)), "out_bias"),
    ],
)
def test_a_damaged_tree_says_where(water, path, value, message):
    tree = water.model.serialize()
    set_at(tree, path, value)
    with pytest.raises(ModelFileError, match=message):
        deserialize_model(tree)


def test_a_closed_model_is_freed(tmp_path, water):
    path = tmp_path / "model.dp"
    write_document(path, new_document(water.model.serialize(), backend="DPModel", model_def_script={}))
    deep_eval = NumpyDeepEval(str(path))
    held = weakref.ref(deep_eval._numpy_model)
    deep_eval.close()
    gc.collect()
    assert held() is None


def test_a_list_of_neighbors_of_each_type_is_summed_where_all_stand_together(from_section):
    model = from_section(descriptor={**ATTEN, "sel": [14, 26]})
    assert tuple(model.capacities.values()) == ((40,),)
    assert model.serialize()["descriptor"]["sel"] == [40]


def test_a_preset_bias_survives_serialization(from_section):
    preset = {"energy": [None, -13.6]}
    tree = from_section(descriptor=SEA, preset_out_bias=preset).serialize()
    assert tree["preset_out_bias"] == preset
    assert deserialize_model(tree).serialize()["preset_out_bias"] == preset


@pytest.mark.parametrize("temperature", [1.0, 80.0])
def test_a_high_temperature_leaves_attention_in_single_precision(from_section, water, temperature):
    """Exponentials of logits far below their bound would all be 0."""
    section = {**ATTEN, "temperature": temperature, "smooth_type_embedding": True}
    energies = []
    for precision in ("float64", "float32"):
        model = from_section(descriptor={**section, "precision": precision})
        env = build_environment(model, water.coord, water.box, water.atype)
        energies.append(evaluate(model, env, None, None, None)["energy"])
    np.testing.assert_allclose(energies[1], energies[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"head": "water"}, "head is 'water', but .* is a model of one task"),
        ({"auto_batchsize": 5}, "no option auto_b"),
    ],
)
def test_options_that_nobody_knows_are_refused(tmp_path, from_section, option, message):
    write_document(
        tmp_path / "model.dp",
        new_document(from_section(descriptor=SEA).serialize(), backend="test", model_def_script={}),
    )
    with pytest.raises(InputError, match=message):
        DeepPot(tmp_path / "model.dp", **option)
    DeepPot(tmp_path / "model.dp", head=None, neighbor_list=None, auto_batch_size=100)


def test_a_mask_of_attention_is_refused(from_section):
    tree = from_section(descriptor=ATTEN).serialize()
    tree["descriptor"]["attn_mask"] = True
    with pytest.raises(ModelFileError, match="the model has `attn_mask` true, which is not supported"):
        deserialize_model(tree)
