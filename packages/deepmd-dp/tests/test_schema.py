# SPDX-License-Identifier: LGPL-3.0-or-later
"""The input of the registered models: defaults and aliases as in deepmd-kit, and what is said of mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest

from deepmd.errors import InputError
from deepmd.registry import DESCRIPTOR, FITTING, LOSS, MODEL, check_new, find, label_sets, problems
from deepmd.registry.installed import rows_of
from deepmd.schema import doc, normalize
from deepmd.schema.argument import acts
from deepmd.train.model_section import join_sections

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


def test_the_old_switch_for_strip_is_read(config):
    config["model"]["descriptor"] = {"type": "se_atten", "sel": 10, "stripped_type_embedding": True}
    assert normalize(config)["model"]["descriptor"]["tebd_input_mode"] == "strip"


PAIRS, ATTENTION = {"type": "se_a_ebd_v2", "sel": [10, 20]}, {"type": "se_atten_v2", "sel": 30, "attn_layer": 0}
ANGLES = {"type": "se_e3_tebd", "sel": 10}


def with_type_embedding(config, parts, **options):
    config["model"]["descriptor"] = {"type": "hybrid", "list": [dict(part) for part in parts]}
    config["model"]["type_embedding"] = {"neuron": [6], "activation_function": "linear", **options}
    return normalize(config)["model"]


def test_the_parts_of_a_hybrid_take_the_embedding_of_types(config):
    model = with_type_embedding(config, [PAIRS, ATTENTION], seed=3)
    pairs, attention = model["descriptor"]["list"]
    assert (pairs["type_embedding"]["neuron"], pairs["type_embedding"]["seed"]) == ([6], 3)
    assert attention["tebd_dim"] == 6 and "type_embedding" not in attention
    assert "type_embedding" not in model


def test_attention_takes_an_embedding_of_types_that_is_no_linear_one(config):
    """As inputs for deepmd-kit's TensorFlow backend have it beside `se_atten`."""
    (attention,) = with_type_embedding(config, [ATTENTION], neuron=[4, 6], activation_function="tanh")["descriptor"][
        "list"
    ]
    assert attention["type_embedding"]["neuron"] == [4, 6]


@pytest.mark.parametrize(
    ("parts", "options", "message"),
    [
        (
            [PAIRS, {"type": "se_e2_r", "sel": [10, 20]}],
            {},
            "descriptor `se_e2_r` takes none; leave type_embedding out",
        ),
        ([ANGLES], {"activation_function": "tanh"}, "`se_e3_tebd` has a linear embedding of one layer; leave"),
        ([ANGLES], {"neuron": [4, 6]}, "`se_e3_tebd` has a linear embedding of one layer; leave"),
        ([], {}, "list"),
    ],
)
def test_an_embedding_of_types_that_a_part_can_not_take_is_refused(config, parts, options, message):
    with pytest.raises(InputError, match=message):
        with_type_embedding(config, parts, **options)


def put(config, path, value):
    *sections, key = path.split("/")
    for section in sections:
        config = config[section]
    config[key] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("model/descriptor/rcut_smoth", 1.0, "model/descriptor/rcut_smoth: there is no such key; perhaps `rcut_smth`"),
        ("loss/xyzzy", 1, "loss/xyzzy: there is no such key; known here are enable_atom_ener_coeff, f_use_norm"),
        # known to deepmd-kit, not here
        ("model/fitting_net/layer_name", ["a"], "layer_name: deepmd-kit has it, this version does not support it yet."),
        (
            "model/descriptor/type",
            "loc_frame",
            "model/descriptor/type is 'loc_frame': deepmd-kit has it, this version does not support it yet; expected",
        ),
        ("model/descriptor/type", "sezm", "model/descriptor/type is 'sezm': deepmd-kit has it"),
        ("model/fitting_net/type", "dpa4_ener", "model/fitting_net/type is 'dpa4_ener': deepmd-kit has it"),
        ("loss/type", "dens", "loss/type is 'dens': deepmd-kit has it, this version does not"),
        ("model/type", "dpa4", "model/type is 'dpa4': deepmd-kit has it"),
        ("model/descriptor", {"type": "se_atten", "attn_mask": True}, "model/descriptor/attn_mask: deepmd-kit has it"),
        (
            "model/descriptor/sel",
            [0, 0],
            "`auto` or `auto:FACTOR`; one of them above 0",
        ),
        # unknown choices
        (
            "model/descriptor/type",
            "se_e2_aa",
            "is 'se_e2_aa' (perhaps 'se_e2_a' is meant); expected one of dpa2, dpa3, hybrid, ",
        ),
        # wrong types
        ("training/numb_steps", "100", "numb_steps is '100'; expected an integer. It is a text: write 100."),
        ("model/descriptor", {"type": "hybrid", "list": {"a": 1}}, "list is {'a': 1}; expected a list of mappings."),
        ("model/descriptor/sel", 5, "model/descriptor/sel is 5; expected a list of integers or a string. Write [5]."),
        # wrong values
        ("model/descriptor/sel", "most", "sel is 'most'; expected numbers of neighbors, `auto` or `auto:FACTOR`; "),
        ("model/descriptor/activation_function", "tan", "activation_function is 'tan'; expected one of tanh, relu"),
        ("model/descriptor/activation_function", "silut:0", "'silut:0'; expected one of tanh, relu"),
        ("model/descriptor", {"type": "se_atten", "scaling_factor": 0.0}, "scaling_factor is 0.0; expected a positive"),
        ("model/descriptor/env_protection", -0.1, "env_protection is -0.1; expected zero or a positive number."),
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
            "model/descriptor/sel is a list of 1; expected 2 numbers, one for each name in type_map.",
        ),
        (
            "model/descriptor",
            {"type": "se_e3_tebd", "sel": [4, 5, 6]},
            "model/descriptor/sel is a list of 3; expected 2 numbers, one for each name in type_map.",
        ),
        (
            "model",
            {"type_map": ["O", "H"], "type": "pairtab", "tab_file": "t.txt", "rcut": 4.0, "sel": [4, 5, 6]},
            "model/sel is a list of 3; expected 2 numbers, one for each name in type_map.",
        ),
        ("model/type_embedding", 5, "model/type_embedding is 5; expected a mapping."),
        ("model/descriptor/axis_neuron", 99, "axis_neuron is 99; expected at most the last width in neuron, 40."),
        ("model/descriptor/exclude_types", [[0, 5]], "there is no type 5; type_map has the types 0 to 1."),
        ("model/preset_out_bias", {"dipole": [1.0]}, "model/preset_out_bias/dipole: the model has no such output"),
        ("model/fitting_net/default_fparam", [1.0], "default_fparam is a list of 1; numb_fparam says 0."),
        ("model/fitting_net/trainable", [True], "trainable is a list of 1; expected 3 values, one for each layer."),
        ("model/fitting_net/atom_ener", [1.0], "atom_ener is a list of 1; expected 2 energies"),
        ("model/fitting_net/n_neuron", [8], "model/fitting_net/n_neuron and neuron mean the same; give one of them."),
    ],
)
def test_mistakes_are_named(config, path, value, message):
    put(config, path, value)
    with pytest.raises(InputError) as caught:
        normalize(config)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ({"f_use_norm": True}, "f_use_norm needs use_huber"),
        ({"use_huber": True, "relative_f": 1.0}, "use_huber does not go with relative_f"),
        ({"start_pref_gf": 1.0, "limit_pref_gf": 1.0}, "numb_generalized_coord is 0"),
    ],
)
def test_settings_of_a_loss_that_do_not_go_together_are_refused(config, loss, message):
    config["loss"] = loss
    with pytest.raises(InputError, match=message):
        normalize(config)


@pytest.mark.parametrize(
    ("fitting", "loss", "labels"),
    [
        ({"type": "ener"}, {"type": "ener"}, (("energy",), ("force",))),
        (
            {"type": "ener"},
            {"type": "ener", "start_pref_h": 1, "limit_pref_h": 1, "start_pref_e": 0},
            ("force", "hessian"),
        ),
        ({"type": "ener"}, {"type": "ener_hess"}, ("energy", "force")),
        ({"type": "polar"}, {"type": "tensor", "pref": 0, "pref_atomic": 1}, ("atom_polarizability",)),
        ({"type": "dipole"}, {"type": "tensor", "pref": 2, "pref_atomic": 0}, ("dipole",)),
        (
            {"type": "dos", "numb_dos": 3},
            {"type": "dos", "start_pref_cdf": 1, "limit_pref_cdf": 1},
            ("dos", "atom_dos"),
        ),
        ({"type": "property", "property_name": "gap"}, {"type": "property"}, ("gap",)),
        ({"type": "population"}, {"type": "population", "start_pref_pop": 1}, ("atom_population",)),
    ],
)
def test_the_labels_of_a_loss(config, fitting, loss, labels):
    config["model"]["fitting_net"], config["loss"] = fitting, loss
    expected = tuple((each,) if isinstance(each, str) else each for each in labels)
    assert set(label_sets(normalize(config))) == set(expected)


@pytest.mark.parametrize(
    ("fitting", "loss", "message"),
    [
        ({"type": "dos"}, {"type": "ener"}, "loss/type is 'ener', but model/fitting_net/type is 'dos'; take 'dos'."),
        ({"type": "ener"}, {"type": "tensor", "pref": 1, "pref_atomic": 1}, "fitting_net/type is 'ener'; take 'ener'."),
        ({"type": "ener"}, {"type": "ener_spin"}, "loss/type is 'ener_spin', but the model takes no spins; add"),
        ({"type": "polar"}, {"type": "property"}, "fitting_net/type is 'polar'; take 'tensor'."),
    ],
)
def test_a_loss_of_something_else_is_refused_before_data_are_read(config, fitting, loss, message):
    config["model"]["fitting_net"], config["loss"] = fitting, loss
    with pytest.raises(InputError) as caught:
        label_sets(normalize(config))
    assert message in str(caught.value)


def test_a_loss_that_leaves_magnetic_forces_out_says_so(config, caplog):
    config["model"]["spin"] = {"use_spin": [True, False], "virtual_scale": 0.3}
    config["loss"] = {"type": "ener_spin"}
    label_sets(normalize(deepcopy(config)))
    assert "magnetic" not in caplog.text
    config["loss"] = {"type": "ener"}
    label_sets(normalize(config))
    assert "loss/type is 'ener': the magnetic forces of the spins are not trained on; take 'ener_spin'" in caplog.text


@pytest.mark.parametrize("weights", [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0)])
def test_a_loss_without_weights_is_refused(config, weights):
    for term in "ef":
        put(config, f"loss/start_pref_{term}", weights[0])
        put(config, f"loss/limit_pref_{term}", weights[1])
    with pytest.raises(InputError, match="loss: nothing is trained, since no term has both start_pref and limit_pref"):
        normalize(config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "se_e2_a", "exclude_types": [[0, 1]]}, "exclude_types: the energy jumps where atoms of these types"),
        ({"type": "se_atten_v2", "set_davg_zero": False}, None),
    ],
)
def test_descriptors_that_are_not_smooth_are_said_to_be(config, caplog, changes, message):
    config["model"]["descriptor"] = {"sel": "auto", **changes}
    normalize(config)
    assert message in caplog.text if message else not caplog.text


def test_new_trainings_do_not_depend_on_the_order_of_atoms(config):
    """Models that do are read, and go on."""
    for changes, is_refused in [({}, False), ({"set_davg_zero": False}, True), ({"tebd_input_mode": "strip"}, False)]:
        config["model"]["descriptor"] = {"type": "se_atten", "sel": "auto", **changes}
        model = normalize(deepcopy(config))["model"]
        if is_refused:
            with pytest.raises(InputError, match="set_davg_zero is false: the energy then depends on the order"):
                check_new(model)
        else:
            check_new(model)


def test_a_weight_that_is_0_at_one_end_is_said_to_have_no_effect(config, caplog):
    put(config, "loss/limit_pref_v", 1.0)
    normalize(config)
    assert "start_pref_v is 0 and limit_pref_v is 1: where one is 0 the term is left out" in caplog.text


DPA2 = {
    "type": "dpa2",
    "repinit": {"rcut": 6.0, "rcut_smth": 0.5, "nsel": 120},
    "repformer": {"rcut": 4.0, "rcut_smth": 3.5, "nsel": 40},
}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("repinit/rcut_smth", 6.5, "repinit/rcut_smth is 6.5; expected less than rcut, which is 6.0."),
        ("repformer/rcut_smth", 6.5, "repformer/rcut_smth is 6.5; expected less than rcut, which is 4.0."),
        ("repinit/nsel", [1, 2], "repinit/nsel is [1, 2]; expected a string or an integer."),
        ("repinit/nsel", "all", "repinit/nsel is 'all'; expected numbers of neighbors, `auto` or `auto:FACTOR`; "),
        ("repinit/axis_neuron", 101, "repinit/axis_neuron is 101; expected at most the last width in neuron, 100."),
        ("repformer/axis_neuron", 17, "repformer/axis_neuron is 17; expected at most g2_dim, which is 16."),
        (
            "repformer/update_style",
            "res",
            "repformer/update_style is 'res'; expected one of res_avg, res_incr",
        ),
        ("repformer/g1_dims", 8, "repformer/g1_dims: there is no such key; perhaps `g1_dim` is meant."),
        ("exclude_types", [[0, 2]], "model/descriptor/exclude_types: there is no type 2"),
    ],
)
def test_mistakes_of_dpa2_are_named(config, path, value, message):
    config["model"]["descriptor"] = deepcopy(DPA2)
    put(config, f"model/descriptor/{path}", value)
    with pytest.raises(InputError) as caught:
        normalize(config)
    assert message in str(caught.value)


def test_the_three_bodies_of_dpa2_are_looked_at_where_they_are_used(config):
    config["model"]["descriptor"] = deepcopy(DPA2)
    config["model"]["descriptor"]["repinit"] |= {"three_body_rcut": 3.0, "three_body_rcut_smth": 3.5}
    normalize(config)
    config["model"]["descriptor"]["repinit"]["use_three_body"] = True
    with pytest.raises(InputError, match=r"three_body_rcut_smth is .*; expected less than three_body_rcut, which"):
        normalize(config)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"type": "se_a", "sel": [1]}, "model/descriptor/list/1/sel is a list of 1; expected 2 numbers"),
        (
            {"type": "dpa1", "rcut_smoth": 1.0},
            "model/descriptor/list/1/rcut_smoth: there is no such key; perhaps",
        ),
        ({"type": "dpa2"}, "model/descriptor/list/1/repinit is missing"),
        ({"type": "hybrid", "list": []}, "list/1/type is 'hybrid': it does not go into another; list its parts there"),
    ],
)
def test_mistakes_in_parts_of_a_hybrid_are_named(config, part, message):
    config["model"]["descriptor"] = {"type": "hybrid", "list": [{"type": "se_a", "sel": [9, 9]}, part]}
    with pytest.raises(InputError) as caught:
        normalize(config)
    assert message in str(caught.value)


def test_a_hybrid_has_parts(config):
    config["model"]["descriptor"] = {"type": "hybrid", "list": []}
    with pytest.raises(InputError, match=r"model/descriptor/list is \[\]; expected a list of descriptors"):
        normalize(config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model/fitting_net": {"type": "dipole", "sel_type": 2}}, "model/fitting_net/sel_type: there is no type 2"),
        ({"model/fitting_net": {"type": "dipole", "default_fparam": [1.0]}}, "default_fparam is a list of 1"),
        ({"loss": {"type": "tensor", "pref": 1.0}}, "loss/pref_atomic is missing"),
        ({"loss": {"type": "tensor", "pref": 0.0, "pref_atomic": 0.0}}, "loss: pref and pref_atomic are both 0"),
        (
            {"model/fitting_net": {"type": "dipole"}, "model/preset_out_bias": {"energy": [0.0, 0.0]}},
            "model/preset_out_bias/energy: the model has no such output with a bias; it has none.",
        ),
    ],
)
def test_mistakes_of_tensors_are_named(config, changes, message):
    for path, value in changes.items():
        put(config, path, value)
    with pytest.raises(InputError) as caught:
        normalize(config)
    assert message in str(caught.value)


GROUPS = (DESCRIPTOR, FITTING, LOSS, MODEL)
ROWS = [(group, row) for group in GROUPS for row in rows_of("deepmd-dp", group) if not row.refusal]


@pytest.mark.parametrize(("group", "row"), ROWS, ids=lambda value: getattr(value, "name", value))
def test_each_row_is_documented(group, row):
    assert row.name in doc("rst") or not row.is_input
    assert row.doc
    assert all(field.doc for field in row.fields() if acts(field))
    assert find(group, row.name) is row


@pytest.mark.parametrize("row", [row for _, row in ROWS], ids=lambda row: row.cls)
def test_each_row_has_a_class(row):
    assert isinstance(row.load_class(), type)


@pytest.mark.parametrize("group", GROUPS)
def test_no_row_fails(group):
    assert not {name for name, reason in problems(group).items() if "deepmd-dp" in reason}


def test_rows_are_read_without_numpy():
    """Those of this package; a stranger's may do what they like."""
    modules = sorted({row.fields.__module__ for _, row in ROWS if row.is_input})
    assert all(".schema." in name for name in modules)
    code = f"import sys\nfor name in {modules}: __import__(name)\nprint('numpy' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


@pytest.mark.parametrize("key", ["spin", "use_srtab"])
def test_a_restart_misses_what_makes_another_model(key):
    section = {"type_map": ["O"]}
    document = {"model": {"type_map": ["O"]}, "model_def_script": section}
    with pytest.raises(InputError, match=f"asks for another model than the checkpoint's: model/{key} "):
        join_sections({**section, key: "given"}, document)
