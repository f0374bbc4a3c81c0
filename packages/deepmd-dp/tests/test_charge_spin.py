# SPDX-License-Identifier: LGPL-3.0-or-later
"""The charge and the spin of frames, in `dpa3`: deepmd-kit's numbers, files, data, mistakes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepmd.contract import read_document, write_document
from deepmd.contract.self_test import make_self_test, verify
from deepmd.data import Batch
from deepmd.errors import DataError, InputError, ModelFileError
from deepmd.infer import DeepPot
from deepmd.infer.systems import eval_arguments, needed_inputs
from deepmd.schema import normalize
from deepmd_dp.dialect.module import leaves
from deepmd_dp.environment.charge_spin import charge_spin_of, default_charge_spin, default_rows
from deepmd_dp.kit.metadata import write_metadata
from deepmd_dp.model import deserialize_model, new_model
from deepmd_dp.numpy_backend.deep_eval import NumpyDeepEval

PATH = Path(__file__).parent / "data" / "dpa3_charge_spin" / "model.dp"
"""Of deepmd-kit 3.2.0, whose default is a cation of spin 2."""


@pytest.fixture(scope="module")
def data():
    with np.load(PATH.with_name("data.npz")) as file:
        return dict(file)


@pytest.fixture
def without_default(tmp_path):
    document = read_document(str(PATH))
    document["model"]["descriptor"]["default_chg_spin"] = None
    write_document(tmp_path / "model.dp", document)
    return DeepPot(tmp_path / "model.dp")


@pytest.mark.parametrize("boundary", ["pbc", "nopbc"])
def test_numbers_of_deepmd_kit(data, boundary):
    model, box = DeepPot(PATH), data["box"] if boundary == "pbc" else None
    found = model.eval(data["coord"], box, data["atype"], atomic=True, charge_spin=data["charge_spin"])
    for name, value in zip(("energy", "force", "virial", "atom_energy"), found, strict=False):
        np.testing.assert_allclose(value, data[f"{boundary}_{name}"], rtol=0.0, atol=1e-12, err_msg=name)
    energy = model.eval(data["coord"], box, data["atype"])[0]
    np.testing.assert_allclose(energy, data[f"{boundary}_default_energy"], rtol=0.0, atol=1e-12)


def test_the_tree_is_deepmd_kits():
    tree = read_document(str(PATH))["model"]
    model = deserialize_model(tree)
    ours, theirs = model.descriptor.serialize(), tree["descriptor"]
    assert ours.keys() == theirs.keys()
    for key in ("add_chg_spin_ebd", "default_chg_spin"):
        assert ours[key] == theirs[key]
    for key in ("chg_embedding", "spin_embedding", "mix_cs_mlp"):
        assert ours[key].keys() == theirs[key].keys()
    # the record says the default, for C++
    assert json.loads(write_metadata(model, []))["model"]["default_charge_spin"] == [-1, 2]


def test_one_state_of_all_frames_and_what_else_takes_it(data):
    model = DeepPot(PATH)
    frames = (data["coord"], data["box"], data["atype"])
    assert model.has_chg_spin_ebd() and model.has_default_chg_spin()
    whole = model.eval(*frames, charge_spin=[1, 2])[0]
    np.testing.assert_array_equal(model.eval(*frames, charge_spin=np.tile([1.0, 2.0], (3, 1)))[0], whole)
    assert np.abs(whole - model.eval(*frames)[0]).max() > 1e-3
    for function in (model.eval_descriptor, model.eval_fitting_last_layer):
        assert np.abs(function(*frames, charge_spin=[1, 2]) - function(*frames)).max() > 1e-3
    one = tuple(each[:1] if each.ndim > 1 else each for each in frames)
    force = model.eval(*one, charge_spin=[1, 2])[1]
    hessian = model.eval_hessian(*one, charge_spin=[1, 2])
    moved = one[0].copy()
    moved[0, 0, 0] += 1e-4
    slope = (force - model.eval(moved, *one[1:], charge_spin=[1, 2])[1]) / 1e-4
    np.testing.assert_allclose(hessian[0, 0], slope.ravel(), atol=1e-4)
    assert model.eval_typeebd().shape == (2, 6)


def test_the_self_test_and_a_frame_with_ghosts(tmp_path):
    document = read_document(str(PATH))
    model = NumpyDeepEval(str(PATH))
    document["self_test"] = make_self_test(model)
    frames = document["self_test"]["frames"]
    assert {name: frames[name]["input"]["@variables"]["charge_spin"].tolist() for name in frames} == {
        name: [[1.0, 2.0]] for name in ("periodic", "ghosts", "isolated")
    }
    write_document(tmp_path / "model.dp", document)
    assert "force" in verify(NumpyDeepEval(str(tmp_path / "model.dp")), document)


def test_without_a_default_it_must_be_given(data, without_default):
    frames = (data["coord"], data["box"], data["atype"])
    assert [each.must for each in needed_inputs(without_default)] == [True]
    assert [each.must for each in needed_inputs(DeepPot(PATH))] == [False]
    with pytest.raises(InputError, match=r"^the model needs charge_spin: 2 numbers for each frame\.$"):
        without_default.eval(*frames)
    found = without_default.eval(*frames, charge_spin=data["charge_spin"])[0]
    np.testing.assert_allclose(found, data["pbc_energy"], rtol=0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ([0, 1, 2], r"charge_spin has the shape \(3,\), expected \(3, 2\) or \(2,\)"),
        ([0.5, 1], "charge_spin of frame 0 holds the charge 0.5; expected integers from -100 to 99"),
        ([100, 1], "charge_spin of frame 0 holds the charge 100; expected"),
        ([0, -1], "charge_spin of frame 0 holds the spin -1; expected integers from 0 to 99"),
        ([0, np.nan], "charge_spin holds nan at frame 0"),
    ],
)
def test_a_wrong_state_is_named(data, state, message):
    with pytest.raises(InputError, match=f"^{message}"):
        DeepPot(PATH).eval(data["coord"], data["box"], data["atype"], charge_spin=state)


def test_data(data):
    nframes = len(data["coord"])
    types = np.tile(data["atype"], (nframes, 1))
    labels = {"charge_spin": np.array([[0.0, 1.0], [1.0, 2.0], [-2.0, 3.0]])}
    batch = Batch(data["coord"], data["box"], types, labels, {"charge_spin": True}, "water", np.arange(nframes))
    assert eval_arguments(batch)["charge_spin"] is labels["charge_spin"]
    assert charge_spin_of(batch) is labels["charge_spin"]
    assert charge_spin_of(replace(batch, found={"charge_spin": False})) is None
    labels["charge_spin"][1, 0] = 0.5
    with pytest.raises(DataError, match=r"^system water: charge_spin of frame 1 holds the charge 0\.5;"):
        charge_spin_of(batch)


def section(*descriptors):
    """The section of a model, with the options of its descriptor or of several side by side."""
    repflow = {"n_dim": 4, "e_dim": 4, "a_dim": 4, "nlayers": 1, "axis_neuron": 2}
    repflow |= {"e_rcut": 4.0, "e_rcut_smth": 0.5, "e_sel": 30, "a_rcut": 3.0, "a_rcut_smth": 0.5, "a_sel": 14}
    parts = [{"type": "dpa3", "repflow": repflow, **options} for options in descriptors]
    descriptor = parts[0] if len(parts) == 1 else {"type": "hybrid", "list": parts}
    model = {"type_map": ["O", "H"], "descriptor": descriptor, "fitting_net": {"neuron": [4]}}
    training = {"training_data": {"systems": ["none"]}, "numb_steps": 1}
    return normalize({"model": model, "training": training, "learning_rate": {"start_lr": 1e-3}, "loss": {}})["model"]


def new(*descriptors):
    return new_model(section(*descriptors), np.random.default_rng(1))


def taking(default=None, **options):
    return {"add_chg_spin_ebd": True, "default_chg_spin": default, **options}


@pytest.mark.parametrize(
    ("default", "message"),
    [
        ([0], r"default_chg_spin is \[0\]; expected two numbers, the charge and the spin\."),
        (["a", 1], r"default_chg_spin is \['a', 1\]; expected two numbers"),
        ([0, 100], r"default_chg_spin holds the spin 100; expected integers from 0 to 99\."),
    ],
)
def test_a_wrong_default_is_named(default, message):
    with pytest.raises(InputError, match=f"^model/descriptor/{message}"):
        section(taking(default))


def test_a_default_without_effect_is_named():
    with pytest.raises(InputError, match="default_chg_spin has no effect without add_chg_spin_ebd; set that to true"):
        section({"default_chg_spin": [0, 1]})


def test_a_new_model():
    model = new(taking([-1, 2]))
    assert model.descriptor.charge_spin.default == (-1, 2)
    trained = {path for path, _, is_trained in leaves(model.descriptor.charge_spin) if is_trained}
    assert trained == {"charge.embedding.layers.0.w", "spin.embedding.layers.0.w", "mix.w", "mix.b"}
    frozen = new(taking(trainable=False))
    assert not any(is_trained for _, _, is_trained in leaves(frozen.descriptor.charge_spin))


def test_parts_of_different_defaults_have_none():
    both, same = new(taking([0, 1]), taking([0, 3])), new(taking([1, 2]), {})
    assert default_charge_spin(both) is None
    np.testing.assert_array_equal(default_rows(both, 2), [[0, 1], [0, 1]])
    assert default_charge_spin(same) == (1, 2)
    assert default_rows(new({}), 2) is None


def test_a_damaged_embedding_is_named():
    tree = read_document(str(PATH))["model"]
    tree["descriptor"]["spin_embedding"]["ntypes"] = 7
    with pytest.raises(ModelFileError, match=r"dpa3: the model has \[200, 7\] charges and spins; expected"):
        deserialize_model(tree)
