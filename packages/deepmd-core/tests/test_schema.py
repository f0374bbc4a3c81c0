# SPDX-License-Identifier: LGPL-3.0-or-later
"""The input schema: defaults, aliases, old forms, and what is said of mistakes."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import pytest

from deepmd.errors import InputError
from deepmd.schema import doc, load_input, normalize
from deepmd.schema.argument import acts
from deepmd.schema.descriptor import DESCRIPTORS

CASES = sorted((Path(__file__).parent / "data" / "schema").glob("*.json"))


@pytest.fixture
def config():
    return json.loads(CASES[[path.stem for path in CASES].index("defaults")].read_text())["given"]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_result_is_that_of_deepmd_kit(path):
    """The files hold inputs of ours and what deepmd-kit 3.2.0 makes of them."""
    case = json.loads(path.read_text())
    given = deepcopy(case["given"])
    assert normalize(given) == case["normalized"]
    assert given == case["given"]


def test_normalizing_twice_changes_nothing(config):
    config["validating"] = {"full_validation": False}
    once = normalize(config)
    assert normalize(once) == once


def test_loss_and_optimizer_may_be_left_out(config):
    del config["loss"]
    result = normalize(config)
    assert result["loss"]["start_pref_f"] == 1000
    assert result["optimizer"]["type"] == "Adam"


def test_weight_decay_of_adamw_is_that_of_the_documents(config):
    config["optimizer"] = {"type": "AdamW"}
    assert normalize(config)["optimizer"]["weight_decay"] == 0.001


def test_comments_are_dropped_everywhere(config):
    config["training"]["_comment2"] = config["training"]["training_data"]["_note"] = {"any": ["thing"]}
    assert "_" not in {key[0] for key in normalize(config)["training"]}
    assert "_note" not in normalize(config)["training"]["training_data"]


def test_switches_of_missing_features_may_be_off(config):
    config["training"] |= {"tensorboard": False, "tensorboard_log_dir": "x", "profiling": False, "zero_stage": 0}
    assert normalize(config)["training"]["tensorboard_log_dir"] == "x"


def test_the_statistics_file_is_said_to_have_no_effect(config, caplog):
    config["training"]["stat_file"] = "stat"
    normalize(config)
    assert "training/stat_file has no effect" in caplog.text


def test_the_old_switch_for_strip_is_read(config):
    config["model"]["descriptor"] = {"type": "se_atten", "sel": 10, "stripped_type_embedding": True}
    assert normalize(config)["model"]["descriptor"]["tebd_input_mode"] == "strip"


def test_epochs_may_be_given_instead_of_steps(config):
    del config["training"]["numb_steps"]
    config["training"]["num_epochs"] = 2.5
    assert normalize(config)["training"]["numb_epoch"] == 2.5


def put(config, path, value):
    *sections, key = path.split("/")
    for section in sections:
        config = config[section]
    config[key] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        # unknown keys
        ("training/numb_stepss", 1, "training/numb_stepss: there is no such key; perhaps `numb_steps` is meant."),
        ("learning_rates", {}, "learning_rates: there is no such key; perhaps `learning_rate` is meant."),
        ("model/descriptor/rcut_smoth", 1.0, "model/descriptor/rcut_smoth: there is no such key; perhaps `rcut_smth`"),
        ("training/batch_size", 1, "training/batch_size: there is no such key; it belongs in training/training_data"),
        ("loss/xyzzy", 1, "loss/xyzzy: there is no such key; known here are enable_atom_ener_coeff, f_use_norm"),
        # known to deepmd-kit, not here
        ("model/use_srtab", "table", "model/use_srtab: deepmd-kit has this key, this version does not support it yet."),
        ("model/spin", {"use_spin": [True]}, "model/spin: deepmd-kit has this key"),
        ("model/modifier", {"type": "dipole_charge"}, "model/modifier: deepmd-kit has this key"),
        ("model", {"model_dict": {}}, "model/model_dict: deepmd-kit has this key"),
        ("loss/start_pref_h", 1.0, "loss/start_pref_h: deepmd-kit has this key"),
        ("training/tensorboard", True, "training/tensorboard: deepmd-kit has this key"),
        ("training/mixed_precision", {"compute_prec": "float16"}, "training/mixed_precision: deepmd-kit has this key"),
        (
            "model/descriptor/type",
            "dpa2",
            "model/descriptor/type: deepmd-kit has 'dpa2', this version does not support",
        ),
        ("model/descriptor/type", "sezm", "model/descriptor/type: deepmd-kit has 'sezm'"),
        ("model/fitting_net/type", "dipole", "model/fitting_net/type: deepmd-kit has 'dipole'"),
        ("loss/type", "dos", "loss/type: deepmd-kit has 'dos', this version does not support it yet, only ener."),
        ("optimizer", {"type": "LKF"}, "optimizer/type: deepmd-kit has 'LKF'"),
        ("model/type", "linear_ener", "model/type: deepmd-kit has 'linear_ener'"),
        ("validating", {"full_validation": True}, "validating/full_validation: deepmd-kit has this key"),
        # unknown choices
        (
            "model/descriptor/type",
            "se_e2_aa",
            "is 'se_e2_aa' (perhaps 'se_e2_a' is meant); expected one of se_e2_a, se_at",
        ),
        ("learning_rate/type", 3, "learning_rate/type is 3; expected one of exp, cosine, wsd."),
        # wrong types
        ("model", 3, "model is 3; expected a mapping."),
        ("model/descriptor", [1], "model/descriptor is [1]; expected a mapping."),
        ("training/numb_steps", 1e6, "training/numb_steps is 1000000.0; expected an integer."),
        ("training/numb_steps", True, "training/numb_steps is True; expected an integer."),
        ("training/training_data/systems", 3, "systems is 3; expected a list of strings or a string."),
        ("training/validation_data", 3, "training/validation_data is 3; expected a mapping or null."),
        ("model/descriptor/sel", 5, "model/descriptor/sel is 5; expected a list of integers or a string."),
        # wrong values
        ("training/numb_steps", -5, "training/numb_steps is -5; expected a positive number."),
        ("training/disp_freq", 0, "training/disp_freq is 0; expected a positive number."),
        ("learning_rate/start_lr", 0.0, "learning_rate/start_lr is 0.0; expected a positive number."),
        ("model/descriptor/sel", "most", "sel is 'most'; expected numbers of neighbors, `auto` or `auto:FACTOR`."),
        ("model/descriptor/activation_function", "tan", "activation_function is 'tan'; expected one of tanh, relu"),
        ("model/descriptor/precision", "float16", "precision is 'float16'; expected one of default, float64, float32."),
        ("model/descriptor/neuron", [], "neuron is []; expected a list of positive widths"),
        ("loss/loss_func", "rmse", "loss/loss_func is 'rmse'; expected one of mse, mae."),
        ("loss/huber_delta", [1.0], "loss/huber_delta is [1.0]; expected a number or a list of three."),
        # values that contradict each other
        (
            "model/descriptor/rcut_smth",
            7.0,
            "model/descriptor/rcut_smth is 7.0; expected less than rcut, which is 5.0.",
        ),
        (
            "model/descriptor/sel",
            [1],
            "model/descriptor/sel lists 1 numbers; expected 2, one for each name in type_map.",
        ),
        ("model/descriptor/axis_neuron", 99, "axis_neuron is 99; expected at most the last width in neuron, 40."),
        ("model/descriptor/exclude_types", [[0, 5]], "there is no type 5; type_map has the types 0 to 1."),
        ("model/pair_exclude_types", [[0]], "model/pair_exclude_types: [0] is no pair of types"),
        ("model/atom_exclude_types", [2], "model/atom_exclude_types: there is no type 2"),
        ("model/type_map", ["O", "O"], "model/type_map is ['O', 'O']; expected a list of different names."),
        ("model/preset_out_bias", {"energy": [1.0]}, "model/preset_out_bias/energy: expected a list of 2"),
        ("model/preset_out_bias", {"dipole": [1.0]}, "model/preset_out_bias/dipole: the model has no such output"),
        ("model/fitting_net/default_fparam", [1.0], "default_fparam lists 1 numbers; numb_fparam says 0."),
        ("model/fitting_net/trainable", [True], "trainable lists 1 values; expected 3, one for each layer."),
        ("model/fitting_net/atom_ener", [1.0], "atom_ener lists 1 energies; expected 2"),
        ("model/fitting_net/n_neuron", [8], "model/fitting_net/n_neuron and neuron mean the same; give one of them."),
        ("training/systems", ["a"], "training/systems and training/training_data are both given"),
        ("training/opt_type", "LKF", "optimizer/type: deepmd-kit has 'LKF'"),
    ],
)
def test_mistakes_are_named(config, path, value, message):
    put(config, path, value)
    with pytest.raises(InputError) as caught:
        normalize(config)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "path",
    [
        *("model", "learning_rate", "training", "model/type_map", "model/descriptor", "model/fitting_net"),
        *(
            "model/descriptor/type",
            "learning_rate/start_lr",
            "training/training_data",
            "training/training_data/systems",
        ),
    ],
)
def test_missing_keys_are_named(config, path):
    *sections, key = path.split("/")
    part = config
    for section in sections:
        part = part[section]
    del part[key]
    with pytest.raises(InputError, match=path if sections else f"`?{path}`?") as caught:
        normalize(config)
    assert "missing" in str(caught.value) or "no section" in str(caught.value)


def test_warm_up_in_two_places(config):
    config["training"]["warmup_steps"] = config["learning_rate"]["warmup_steps"] = 5
    with pytest.raises(InputError, match="training/warmup_steps and learning_rate/warmup_steps are both given"):
        normalize(config)


def test_the_input_must_be_a_mapping():
    with pytest.raises(InputError, match=r"the input is \[1\]; expected a mapping"):
        normalize([1])


def test_inputs_are_read_from_json_and_yaml(tmp_path):
    (tmp_path / "input.json").write_text('{"model": {"rcut": 6.0}}')
    (tmp_path / "input.yaml").write_text("model:\n  rcut: 6.0\n")
    assert load_input(tmp_path / "input.json") == load_input(str(tmp_path / "input.yaml")) == {"model": {"rcut": 6.0}}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("input.json", '{"model": {},\n  }', "is not valid JSON: .* in line 2"),
        ("input.yaml", "model: [1,", "is not valid YAML: "),
        ("input.yaml", "model: !!python/object/apply:os.getcwd []", "is not valid YAML: "),
        ("missing.json", None, "cannot be read: No such file or directory"),
    ],
)
def test_unreadable_inputs(tmp_path, name, text, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_input(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("make", DESCRIPTORS)
def test_each_descriptor_is_documented(make):
    argument = make()
    assert argument.name in doc("rst")
    assert argument.doc
    assert all(field.doc for field in argument.sub_fields.values() if acts(field))


def test_doc_of_an_unknown_form():
    with pytest.raises(InputError, match="out_type is 'html'; expected rst, json or json_schema"):
        doc("html")


def test_json_schema_describes_the_example(config):
    schema = json.loads(doc("json_schema"))
    assert set(config) - {"_comment"} <= set(schema["properties"])
    assert "type_map" in schema["properties"]["model"]["required"]
