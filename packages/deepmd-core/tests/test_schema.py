# SPDX-License-Identifier: LGPL-3.0-or-later
"""The input schema on toy rows: defaults, aliases, old forms, and what is said of mistakes."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint

import pytest
import toy_rows
from toy_data import write_system

from deepmd.errors import InputError
from deepmd.registry import DESCRIPTOR, Row, installed
from deepmd.schema import doc, load_input, modernize, normalize


@pytest.fixture
def config():
    return {
        "model": {
            "type_map": ["O", "H"],
            "descriptor": {"type": "pairs", "sel": [4, 9], "_comment": "a note"},
            "fitting_net": {"neuron": [8]},
        },
        "learning_rate": {"start_lr": 0.002, "stop_lr": 1e-6},
        "loss": {"start_pref_e": 0.1},
        "training": {"training_data": {"systems": ["a"], "batch_size": 2}, "numb_steps": 2000},
    }


@pytest.fixture
def register(monkeypatch):
    """Adds entry points ``name=value`` to the toys' descriptors."""

    def register(**points):
        added = [EntryPoint(name, value, DESCRIPTOR) for name, value in points.items()]
        monkeypatch.setattr(
            installed, "entry_points", lambda group: toy_rows.entry_points(group) + added * (group == DESCRIPTOR)
        )
        toy_rows.forget()

    yield register
    monkeypatch.undo()
    toy_rows.forget()


def put(config, path, value):
    *sections, key = path.split("/")
    for section in sections:
        config = config[section]
    config[key] = value


def test_defaults_and_aliases_come_from_the_rows(config):
    config["model"]["descriptor"] = {"type": "pr"}
    model = normalize(config)["model"]
    assert model["descriptor"] == {"type": "pairs", "sel": "auto", "rcut": 3.0}
    assert model["fitting_net"] == {"type": "sum", "neuron": [8], "numb_fparam": 0}
    assert model["type"] == "stack"


def test_normalizing_twice_changes_nothing(config):
    config["validating"] = {"full_validation": False}
    once = normalize(config)
    assert normalize(once) == once


def test_loss_and_optimizer_may_be_left_out(config):
    del config["loss"]
    result = normalize(config)
    assert result["loss"] == {"type": "squares", "start_pref_e": 0.5}
    assert result["optimizer"]["type"] == "Adam"


def test_weight_decay_of_adamw_is_that_of_the_documents(config):
    config["optimizer"] = {"type": "AdamW"}
    assert normalize(config)["optimizer"]["weight_decay"] == 0.001


def test_comments_are_dropped_everywhere(config):
    config["training"]["_comment2"] = config["training"]["training_data"]["_note"] = {"any": ["thing"]}
    assert "_" not in {key[0] for key in normalize(config)["training"]}
    assert "_note" not in normalize(config)["training"]["training_data"]
    assert "_comment" not in normalize(config)["model"]["descriptor"]


def test_switches_of_missing_features_may_be_off(config):
    config["training"] |= {"tensorboard": False, "tensorboard_log_dir": "x", "profiling": False, "zero_stage": 0}
    assert normalize(config)["training"]["tensorboard_log_dir"] == "x"


@pytest.mark.parametrize(
    ("key", "value"),
    [("stat_file", "stat"), ("mixed_precision", {"compute_prec": "float16", "output_prec": "float32"})],
)
def test_what_has_no_effect_is_said(config, caplog, key, value):
    config["training"][key] = value
    normalize(config)
    assert f"training/{key} has no effect" in caplog.text


def test_an_old_input_without_a_last_learning_rate(config, caplog):
    """As older versions of deepmd-kit read it, and with a key that they had."""
    config["learning_rate"] = {"start_lr": 1e-3}
    config["training"]["load_ckpt"] = "model.ckpt"
    config["model"]["fitting_net"]["coord_norm"] = True
    normalized = normalize(config)
    assert normalized["learning_rate"]["stop_lr"] == 5e-8
    assert "load_ckpt" not in normalized["training"]
    assert "coord_norm" not in normalized["model"]["fitting_net"]
    assert "stop_lr is taken as 5e-08" in caplog.text
    assert "left out, since they are of older versions and have no effect: load_ckpt, coord_norm." in caplog.text


def test_a_decay_rate_needs_no_last_learning_rate(config):
    config["learning_rate"] = {"start_lr": 1e-3, "decay_rate": 0.95, "decay_steps": 100}
    rate = normalize(config)["learning_rate"]
    assert (rate["decay_rate"], rate["stop_lr"]) == (0.95, 5e-8)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("training/profiling", True, "no profile is written"),
        ("training/tensorboard", True, "the figures are in the learning curve's file"),
        ("training/enable_tf32", True, "products keep the precision of the model"),
        ("model/compress", {"model_file": "graph.pb"}, "a trained model is compressed, by `dp compress`"),
        ("training/enable_profiler", True, "no profile is written"),
        ("training/enable_compile", True, "each backend compiles what it gains by"),
        ("training/zero_stage", 1, "one process trains"),
        ("model/use_compile", True, "each backend compiles what it gains by"),
    ],
)
def test_what_changes_no_result_is_said_to_have_no_effect(config, caplog, path, value, reason):
    put(config, path, value)
    normalize(config)
    assert f"{path} has no effect: {reason}" in caplog.text
    caplog.clear()
    put(config, path, type(value)())
    normalize(config)
    assert not caplog.text


VERSION_0 = {
    "with_distrib": False,
    "use_smooth": True,
    "sel_a": [46, 92],
    "rcut_smth": 5.8,
    "rcut": 6.0,
    "filter_neuron": [25, 50],
    "filter_resnet_dt": False,
    "n_axis_neuron": 16,
    "n_neuron": [240, 240],
    "resnet_dt": True,
    "coord_norm": True,
    "type_fitting_net": False,
    "systems": ["../data"],
    "set_prefix": "set",
    "stop_batch": 1000,
    "batch_size": 4,
    "start_lr": 0.001,
    "decay_steps": 500,
    "decay_rate": 0.95,
    "start_pref_e": 0.02,
    "limit_pref_e": 8,
    "seed": 1,
    "disp_file": "lcurve.out",
    "disp_freq": 100,
    "numb_test": 10,
    "save_freq": 1000,
    "save_ckpt": "model.ckpt",
    "load_ckpt": "model.ckpt",
    "disp_training": True,
    "time_training": True,
    "profiling": False,
    "profiling_file": "timeline.json",
}


def test_an_input_of_version_0(caplog):
    """What deepmd-kit 3.2 makes of it, the keys that it drops later apart."""
    modern = modernize(VERSION_0)
    assert modern == {
        "model": {
            "descriptor": {
                "type": "pairs",
                "sel": [46, 92],
                "rcut": 6.0,
                "rcut_smth": 5.8,
                "neuron": [25, 50],
                "resnet_dt": False,
                "axis_neuron": 16,
                "seed": 1,
            },
            "fitting_net": {"neuron": [240, 240], "resnet_dt": True, "seed": 1},
        },
        "learning_rate": {"type": "exp", "start_lr": 0.001, "decay_steps": 500, "stop_lr": pytest.approx(9.025e-4)},
        "loss": {"start_pref_e": 0.02, "limit_pref_e": 8},
        "training": {
            "seed": 1,
            "training_data": {"systems": ["../data"], "batch_size": 4},
            "stop_batch": 1000,
            "disp_file": "lcurve.out",
            "disp_freq": 100,
            "save_freq": 1000,
            "save_ckpt": "model.ckpt",
            "disp_training": True,
            "time_training": True,
            "profiling": False,
            "profiling_file": "timeline.json",
        },
    }
    assert "the input has the form of deepmd-kit 0.x" in caplog.text
    assert modernize(modern) == modern


def test_a_smooth_radius_that_version_0_leaves_out():
    descriptor = modernize({key: value for key, value in VERSION_0.items() if key != "rcut_smth"})["model"][
        "descriptor"
    ]
    assert (descriptor["rcut"], descriptor["rcut_smth"]) == (6.0, 6.0)


def test_an_input_of_version_0_that_is_not_smooth():
    with pytest.raises(InputError, match="whose descriptor is not in this version"):
        modernize({**VERSION_0, "use_smooth": False})
    of_before = {key: value for key, value in VERSION_0.items() if key != "use_smooth"}
    with pytest.raises(InputError, match="local frames, to which axis_rule belongs"):
        modernize({**of_before, "sel_r": [30, 60], "axis_rule": [0, 1, 0]})


def test_keys_without_effect_of_version_0_are_passed_over():
    assert modernize({**VERSION_0, "sel_r": [30, 60], "num_threads": 4, "restart": False}) == modernize(VERSION_0)


def test_a_key_without_effect_beside_the_sections(config, caplog):
    normalize({**config, "with_distrib": False})
    assert "have no effect: with_distrib" in caplog.text


def test_what_is_not_there_is_named_before_the_sections_that_it_stands_for():
    with pytest.raises(InputError, match=r"^nvnmd: deepmd-kit has it, this version does not support it yet"):
        normalize({"nvnmd": {"version": 0}, "learning_rate": {}, "training": {}})


def test_models_with_several_fittings_of_version_2_are_named(config):
    config["model"]["fitting_net_dict"] = {"first": config["model"].pop("fitting_net")}
    with pytest.raises(InputError, match=r"^model/fitting_net_dict: several models in one training \(multi-task\)"):
        normalize(config)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([["O", "H"], ["O", "C"]], '"type_map": ["O", "H", "C"]'),
        ([None, None], "the numbers 0 to 1 in type.raw stand for into it, in this order"),
        ([], "write the names of all elements into it"),
    ],
)
def test_a_missing_type_map_is_one_to_copy(config, tmp_path, names, message):
    for number, each in enumerate(names):
        write_system(tmp_path / "data" / str(number), names=each)
    config["training"]["training_data"]["systems"] = str(tmp_path / "data")
    del config["model"]["type_map"]
    with pytest.raises(InputError) as caught:
        normalize(config)
    assert "model/type_map is missing; " in str(caught.value)
    assert message in str(caught.value)


def test_a_missing_type_map_of_one_element(config, tmp_path):
    write_system(tmp_path / "data" / "0", names=None)
    (tmp_path / "data" / "0" / "type.raw").write_text("0 0 0\n")
    config["training"]["training_data"]["systems"] = str(tmp_path / "data")
    del config["model"]["type_map"]
    with pytest.raises(InputError, match="the name of the element that 0 in"):
        normalize(config)


def test_epochs_may_be_given_instead_of_steps(config):
    del config["training"]["numb_steps"]
    config["training"]["num_epochs"] = 2.5
    assert normalize(config)["training"]["numb_epoch"] == 2.5


def test_parts_are_normalised_and_upgraded_one_by_one(config):
    parts = [{"type": "pr", "sel": [1, 2]}, {"type": "cloud", "inner": {"cutoff": 4.0}}]
    config["model"]["descriptor"] = {"type": "joint", "list": parts}
    assert normalize(config)["model"]["descriptor"]["list"] == [
        {"type": "pairs", "sel": [1, 2], "rcut": 3.0},
        {"type": "cloud", "inner": {"nsel": "auto", "rcut": 4.0}, "is_off": False},
    ]
    assert parts[1] == {"type": "cloud", "inner": {"cutoff": 4.0}}


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"type": "pairs", "sel": [1]}, "model/descriptor/list/1/sel is a list of 1."),
        ({"type": "pairs", "rcut": "5"}, "model/descriptor/list/1/rcut is '5'; expected a number."),
        ({"type": "pairs", "nsel": 3}, "model/descriptor/list/1/nsel: there is no such key; perhaps `sel` is meant."),
        ({"type": "cloud"}, "model/descriptor/list/1/inner is missing"),
        ({"type": "joint", "list": []}, "list/1/type is 'joint': it does not go into another; list its parts there"),
        (["pairs"], "model/descriptor/list/1 is ['pairs']; expected a mapping."),
    ],
)
def test_mistakes_in_parts_are_named(config, part, message):
    config["model"]["descriptor"] = {"type": "joint", "list": [{"type": "pairs"}, part]}
    with pytest.raises(InputError) as caught:
        normalize(config)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        # unknown keys
        ("training/numb_stepss", 1, "training/numb_stepss: there is no such key; perhaps `numb_steps` is meant."),
        ("learning_rates", {}, "learning_rates: there is no such key; perhaps `learning_rate` is meant."),
        ("training/batch_size", 1, "training/batch_size: there is no such key; it belongs in training/training_data"),
        ("model/descriptor/nsel", 1, "model/descriptor/nsel: there is no such key; perhaps `sel` is meant."),
        ("model/descriptor/is_off", True, "model/descriptor/is_off: there is no such key; known here are rcut, sel"),
        ("loss/xyzzy", 1, "loss/xyzzy: there is no such key; known here are start_pref_e"),
        # known to deepmd-kit, not here
        ("model/finetune_head", "water", "model/finetune_head: deepmd-kit has it, this version does not support it"),
        ("model/modifier", {"type": "dipole_charge"}, "model/modifier: long-range electrostatics (DPLR)"),
        ("model", {"model_dict": {}}, "model/model_dict: several models in one training"),
        ("model/descriptor/lmax", 2, "model/descriptor/lmax: deepmd-kit has it"),
        ("model", {"xyzzy": 1, "model_dict": {}}, "model/model_dict: several models in one training"),
        ("optimizer", {"type": "LKF"}, "optimizer/type is 'LKF': deepmd-kit has it, this version does not support it"),
        ("validating", {"full_validation": True}, "validating/full_validation: deepmd-kit has it"),
        # rows with a refusal
        (
            "model/descriptor/type",
            "sph",
            "model/descriptor/type is 'sph': deepmd-kit has it, this version does not support it yet; "
            "expected one of cloud, joint, pairs.",
        ),
        ("model/descriptor/type", "planes", "type is 'planes': it was dropped, use pairs; expected one of cloud"),
        # unknown choices
        ("model/descriptor/type", "pair", "is 'pair' (perhaps 'pairs' is meant); expected one of cloud, joint"),
        ("model/descriptor/type", "PAIRS", "is 'PAIRS' (perhaps 'pairs' is meant); expected one of cloud, joint"),
        ("model/descriptor/type", "prism", "is 'prism'; expected one of cloud, joint"),
        ("model/fitting_net/neuron", 32, "neuron is 32; expected a list of integers. Write [32]."),
        ("learning_rate/type", 3, "learning_rate/type is 3; expected one of exp, cosine, wsd."),
        # wrong types
        ("model", 3, "model is 3; expected a mapping."),
        ("model/descriptor", [1], "model/descriptor is [1]; expected a mapping."),
        ("training/numb_steps", 1e6, "training/numb_steps is 1000000.0; expected an integer."),
        ("training/numb_steps", True, "training/numb_steps is True; expected an integer."),
        ("training/training_data/systems", 3, "systems is 3; expected a list of strings or a string."),
        ("training/validation_data", 3, "training/validation_data is 3; expected a mapping or null."),
        # wrong values
        ("training/numb_steps", -5, "training/numb_steps is -5; expected a positive number."),
        ("training/disp_freq", 0, "training/disp_freq is 0; expected a positive number."),
        ("learning_rate/start_lr", 0.0, "learning_rate/start_lr is 0.0; expected a positive number."),
        ("training/seed", -1, "training/seed is -1; expected zero or a positive number, or null."),
        ("training/numb_epoch", 2.0, "training has both of numb_steps and numb_epoch; give one of them."),
        ("model/descriptor/sel", "most", "sel is 'most'; expected numbers of neighbors, `auto` or `auto:FACTOR`; "),
        # values that contradict each other
        ("model/descriptor/sel", [1], "model/descriptor/sel is a list of 1."),
        ("model/pair_exclude_types", [[0]], "model/pair_exclude_types: [0] is no pair of types"),
        ("model/atom_exclude_types", [2], "model/atom_exclude_types: there is no type 2"),
        ("model/type_map", ["O", "O"], "model/type_map is ['O', 'O']; expected a list of different names."),
        ("model/preset_out_bias", {"energy": [1.0]}, "model/preset_out_bias/energy: expected a list of 2"),
        (
            "model/preset_out_bias",
            {"dipole": [1.0]},
            "/dipole: the model has no such output with a bias",
        ),
        ("training/systems", ["a"], "training/systems and training/training_data are both given"),
        ("training/opt_type", "LKF", "optimizer/type is 'LKF': deepmd-kit has it"),
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
        *("model/descriptor/type", "learning_rate/start_lr", "training/training_data"),
        "training/training_data/systems",
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


def test_without_rows_the_package_to_install_is_named(config, monkeypatch, caplog):
    monkeypatch.setattr(installed, "entry_points", lambda group: [])
    toy_rows.forget()
    try:
        with pytest.raises(InputError, match=r"^no installed package brings a model: `pip install deepmd-dp`\.$"):
            normalize(config)
        assert "batch_size" in doc("json")
        assert "no installed package brings a model: `pip install deepmd-dp`. Their keys are missing" in caplog.text
    finally:
        monkeypatch.undo()
        toy_rows.forget()


def test_a_row_that_fails_is_named_when_it_is_asked_for(config, register, caplog):
    register(rings="no_such_module:ROW", cracked=f"{__name__}:CRACKED")
    assert normalize(config)["model"]["descriptor"]["type"] == "pairs"
    assert "rings" not in doc("json")
    assert "descriptor rings is left out: no_such_module brings it but fails to import" in caplog.text
    for name, reason in {
        "rings": "no_such_module brings it but fails to import: No module named 'no_such_module'",
        "cracked": "its keys can't be told: it cracked",
    }.items():
        config["model"]["descriptor"]["type"] = name
        with pytest.raises(InputError, match=f"model/descriptor/type is '{name}': {reason}; expected one of cloud"):
            normalize(config)


def test_a_name_that_two_rows_claim_is_nobody_s(config, register):
    register(other=f"{__name__}:OTHER")
    assert normalize(config)["model"]["descriptor"]["type"] == "pairs"
    config["model"]["descriptor"]["type"] = "pr"
    reason = rf"several packages bring .* this name: {__name__} \(other\) and toy_rows \(pairs\); uninstall all but one"
    with pytest.raises(InputError, match=f"type is 'pr': {reason}"):
        normalize(config)
    config["model"]["descriptor"] = {"type": "other"}
    assert normalize(config)["model"]["descriptor"]["type"] == "other"


def crack():
    raise RuntimeError("it cracked")


CRACKED = Row(name="cracked", fields=crack)
OTHER = Row(name="other", aliases=("pr",))


def test_steps_must_be_given(config):
    del config["training"]["numb_steps"]
    with pytest.raises(InputError, match="training has neither of numb_steps and numb_epoch"):
        normalize(config)


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
        (
            "input.json",
            '{"model": {},\n  }',
            "is not valid JSON: line [12], column [0-9]+: leave out the comma before the closing",
        ),
        ("input.yaml", "model: [1,", "is not plain YAML"),
        ("input.yaml", "model: !!python/object/apply:os.getcwd []", "is not plain YAML"),
        ("input.json", '{"model": {"rcut": 6, "sel": 4, "rcut": 5}}', "the key rcut stands twice in one section"),
        ("input.yaml", "model:\n  rcut: 6\n  sel: 4\n  rcut: 5", "from line 2: the key rcut stands twice"),
        ("missing.json", None, r"there is no input file .*missing\.json"),
        ("input.jsn", None, r"; perhaps .*input\.json is meant"),
        ("input.json", "step rmse\n1 2", "is no input of a training: expected JSON"),
        ("folder", None, "folder is a folder; expected the input of a training"),
    ],
)
def test_unreadable_inputs(tmp_path, name, text, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    else:
        (tmp_path / "folder").mkdir()
        (tmp_path / ("input.json" if name == "input.jsn" else "other")).touch()
    with pytest.raises(InputError, match=message) as caught:
        load_input(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("", "the file is empty."),
        ('{"a": [1, 2,]}', "leave out the comma before the closing bracket."),
        ('{"a": 1, // one\n "b": 2}', "JSON has no comments"),
        ('{"a": 1, # one\n "b": 2}', "JSON has no comments"),
        ('{"a": 1 # one\n, "b": 2}', "JSON has no comments"),
        ("{'a': 1}", "texts stand in double quotes"),
        ("{“a”: 1}", "these quotes are typographic"),
        ('{"a": True}', "write true."),
        ('{"a": ener}', 'write "ener" if it is a text.'),
        ("{a: 1}", 'write "a" if it is a text.'),
        ('{"a": {"b": 1}', "not closed before the end of the file."),
        ('{"a": "b', "the closing quote of this text is missing."),
        ('{"a": 1\n "b": 2}', "is there a comma missing at the end of line 1, or"),
        ('{"a": [1 2]}', "is there a comma missing"),
        ('{"a": [1, 2}', r"is there a bracket too many, or `\]` meant\?"),
        ('{"a": {"b": 1}}}', "is there a bracket too many"),
        ('{"a": 1},\n{"b": 1}', "is there a bracket too many"),
        ('{"a": "b\n}', "is its closing quote missing?"),
        ('{"a" = 1}', "write a colon"),
        ('{"a": 1, "b"}', "is there"),
    ],
)
def test_mistakes_in_json_come_with_what_to_do(tmp_path, text, remedy):
    (tmp_path / "input.json").write_text(text)
    with pytest.raises(InputError, match=remedy):
        load_input(tmp_path / "input.json")


def test_a_mark_of_the_encoding_is_no_mistake(tmp_path):
    (tmp_path / "input.json").write_text('\ufeff{"a": 1}')
    assert load_input(tmp_path / "input.json") == {"a": 1}


def test_comments_may_stand_twice(tmp_path):
    (tmp_path / "input.json").write_text('{"_comment": 1, "_comment": 2, "model": {}}')
    assert load_input(tmp_path / "input.json")["model"] == {}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("learning_rate/start_lr", "1e-3", "start_lr is '1e-3'; expected a number. It is a text: write 0.001."),
        ("training/numb_steps", 1e3, r"numb_steps is 1000\.0; expected an integer\. Write 1000\."),
        ("learning_rate/start_lr", float("inf"), "start_lr is inf; expected finite numbers"),
        ("loss/start_pref_e", float("inf"), "start_pref_e is inf; expected finite numbers"),
    ],
)
def test_numbers_that_are_none(config, path, value, message):
    put(config, path, value)
    with pytest.raises(InputError, match=message):
        normalize(config)


def test_doc_of_an_unknown_form():
    with pytest.raises(InputError, match="out_type is 'html'; expected rst, json or json_schema"):
        doc("html")


def test_json_schema_describes_the_example(config):
    schema = json.loads(doc("json_schema"))
    assert set(config) - {"_comment"} <= set(schema["properties"])
    assert "type_map" in schema["properties"]["model"]["required"]
