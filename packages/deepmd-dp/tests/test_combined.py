# SPDX-License-Identifier: LGPL-3.0-or-later
"""Tables of pair potentials, combinations of potentials, models of files: beyond what the conformance suite tries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepmd.contract import new_document, read_document, write_document
from deepmd.data.batch import Batch
from deepmd.errors import DeepmdError, InputError, ModelFileError
from deepmd.infer import DeepPot
from deepmd.main import main
from deepmd_dp.conformance.cases import TABLE
from deepmd_dp.conformance.reference_numbers import REFERENCE
from deepmd_dp.dialect.module import leaves, modules
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.environment.environment_matrix import EnvironmentMatrix
from deepmd_dp.kit.trainer import BaseTrainer
from deepmd_dp.model import deserialize_model, new_model
from deepmd_dp.model.evaluate import evaluate
from deepmd_dp.model.pairtab import PairTable
from deepmd_dp.nn.table import Table
from deepmd_dp.numpy_backend.compress import compress
from deepmd_dp.numpy_backend.derivative import derivative
from deepmd_dp.statistics import with_statistics

TABLES = Path(__file__).parent / "data" / "pair_tables" / "tables.npz"
NET = {
    "descriptor": {"type": "se_e2_a", "sel": [14, 26], "rcut": 4.0, "neuron": [2, 4], "axis_neuron": 2},
    "fitting_net": {"neuron": [3]},
}
TAB = {"type": "pairtab", "tab_file": TABLE, "rcut": 4.0, "sel": 40}
NEAR = {"use_srtab": TABLE, "sw_rmin": 0.8, "sw_rmax": 1.6, **NET}
FROZEN = {"type": "frozen", "model_file": str(REFERENCE / "sea" / "model.dp")}


@pytest.fixture
def new(model_section):
    """Makes a new model of a section's keys."""

    def make(**section):
        section = {"type_map": ["O", "H"], **section}
        return new_model(model_section(**section), np.random.default_rng(5))

    return make


def linear(weights, *models, **section):
    return {"type": "linear_ener", "weights": weights, "models": list(models), **section}


def pair(model, distance, types=(0, 1)):
    """All terms of two atoms at a distance [Å]."""
    coord = np.array([[[0.0, 0.0, 0.0], [distance, 0.0, 0.0]]])
    env = build_environment(model, coord, None, np.array([types]))
    return evaluate(model, env, None, None, derivative)


def energies(model, case):
    env = build_environment(model, case.coord, case.box, case.atype)
    return model(env, None, None)["energy"]


def test_tables_are_continued_and_splined_as_by_deepmd_kit(tmp_path):
    with np.load(TABLES) as file:
        made = dict(file)
    for name in [name for name in made if name.endswith("vdata")]:
        table, beyond, _ = name.split("|")
        given = made[table]
        np.savetxt(tmp_path / "table.txt", given)
        rcut = given[-1, 0] + float(beyond) * (given[1, 0] - given[0, 0])
        found = PairTable.from_file(str(tmp_path / "table.txt"), ("O", "H"), rcut)
        np.testing.assert_allclose(found.vdata, made[name], rtol=0.0, atol=1e-13, err_msg=name)
        expected = made[name.replace("vdata", "tab_data")]
        np.testing.assert_allclose(found.tab_data, expected, rtol=0.0, atol=1e-12, err_msg=name)


def test_how_a_table_ends_is_said(new, caplog):
    new(**TAB)
    new(**{**TAB, "rcut": 2.0})
    assert [record.message.partition(": ")[0] for record in caplog.records] == [
        f"{TABLE} ends at 3.2 Å with up to 0.0039 eV; a cubic goes on to 0 at the cut-off 4 Å.",
        f"{TABLE} does not end at the cut-off 2 Å, where its energies, up to 0.149 eV, are cut off.",
    ]


def test_two_atoms_have_the_energy_of_the_table(new):
    model, table = new(**TAB), np.loadtxt(TABLE)
    for distance, *expected in table[[0, 5, -1]]:
        for types, energy in zip(((0, 0), (0, 1), (1, 1)), expected, strict=True):
            np.testing.assert_allclose(pair(model, distance, types)["energy"], energy, rtol=0.0, atol=1e-12)
            np.testing.assert_allclose(pair(model, distance, types[::-1])["energy"], energy, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("distance", [0.499, 0.3, 1e-4])
def test_nearer_than_the_table_nothing_changes(new, distance):
    model = new(**TAB)
    found, first = pair(model, distance), pair(model, 0.5)
    np.testing.assert_allclose(found["energy"], first["energy"], rtol=0.0, atol=1e-12)
    assert np.all(found["force"] == 0.0)
    assert np.max(np.abs(pair(model, 0.501)["force"])) > 0.0


def test_beyond_the_cutoff_there_is_nothing(new):
    model = new(**TAB)
    assert np.all(pair(model, 4.0001)["energy"] == 0.0)
    short = new(**{**TAB, "rcut": 2.0})
    assert pair(short, 1.999)["energy"][0, 0] != 0.0
    assert pair(short, 2.0001)["energy"][0, 0] == 0.0


@pytest.mark.parametrize(("weights", "numbers"), [("sum", (1, 1)), ("mean", (0.5, 0.5)), ([0.3, -2], (0.3, -2.0))])
def test_a_linear_combination_is_one(new, water, weights, numbers):
    model = new(**linear(weights, NET, TAB))
    parts = [energies(part, water) for part in model.models]
    np.testing.assert_allclose(energies(model, water), numbers[0] * parts[0] + numbers[1] * parts[1], atol=1e-13)
    assert deserialize_model(model.serialize()).weights == model.weights


def test_a_table_takes_the_lists_of_a_net(new):
    assert len(new(**linear("sum", NET, TAB)).lists) == 1
    assert len(new(**linear("sum", NET, {**TAB, "rcut": 3.0})).lists) == 2
    atten = {**NET, "descriptor": {"type": "se_atten_v2", "sel": 40, "rcut": 4.0, "neuron": [2, 4], "axis_neuron": 2}}
    model = new(**linear("sum", TAB, atten, NET))
    assert [spec.by_type for spec in model.lists] == [True, False]
    assert tuple(model.capacities.values()) == ((14, 26), (40,))


def test_pairs_that_one_of_them_leaves_out_are_left_out_of_it_alone(new, water, tmp_path):
    excluding = new(**NET, pair_exclude_types=[[0, 1]])
    write_document(tmp_path / "net.yaml", new_document(excluding.serialize(), backend="DP", model_def_script={}))
    model = new(**linear("sum", {"type": "frozen", "model_file": str(tmp_path / "net.yaml")}, TAB))
    alone = energies(excluding, water) + energies(new(**TAB), water)
    np.testing.assert_allclose(energies(model, water), alone, rtol=0.0, atol=1e-13)
    mixed = {**NET, "descriptor": {"type": "se_atten_v2", "sel": 40, "rcut": 4.0, "neuron": [2, 4], "axis_neuron": 2}}
    part = replace(new(**mixed), pair_exclude_types=((1, 1),))
    whole = replace(new(**linear([1.0], mixed)), models=(part,))
    np.testing.assert_allclose(energies(whole, water), energies(part, water), rtol=0.0, atol=1e-13)


def test_messages_go_on_beside_a_table(new, water):
    file = {"type": "frozen", "model_file": str(REFERENCE / "dpa2_options_real" / "model.dp")}
    model = new(**linear("sum", TAB, file))
    assert model.is_message_passing
    assert model.messages == model.models[1].messages
    expected = sum(energies(part, water) for part in model.models)
    np.testing.assert_allclose(energies(model, water), expected, rtol=0.0, atol=1e-13)


def test_near_atoms_have_the_table_and_far_ones_the_net(new):
    model = new(**NEAR)
    net, table = model.models
    for distance, expected in ((0.7, table), (1.7, net), (3.9, net), (4.1, net)):
        for term, values in pair(expected, distance).items():
            np.testing.assert_allclose(pair(model, distance)[term], values, rtol=0.0, atol=1e-12, err_msg=term)
    between = pair(model, 1.2)["energy"]
    np.testing.assert_allclose(between, 0.5 * (pair(net, 1.2)["energy"] + pair(table, 1.2)["energy"]), atol=1e-12)


def test_the_bias_of_a_combination_is_that_of_the_whole(model_section, water):
    """Of the labels alone, as deepmd-kit fits it; those of the parts stay 0, models of files keep what they have."""
    section = model_section(type_map=["O", "H"], **linear("sum", NET, FROZEN, TAB))
    model = new_model(section, np.random.default_rng(0))
    labels = {"energy": -np.arange(3.0)[:, None] - 20.0}
    batch = Batch(water.coord, water.box, water.atype, labels, {"energy": True})
    found = with_statistics(model, [batch], section)
    standard = with_statistics(
        new_model(one := model_section(type_map=["O", "H"], **NET), np.random.default_rng(0)), [batch], one
    )
    np.testing.assert_allclose(found.out_bias, standard.out_bias, rtol=1e-12)
    assert np.all(found.out_std == standard.out_std)
    assert [np.any(part.out_bias != 0.0) for part in found.models] == [False, True, False]
    of_net, of_file = (matrix.dstd for _, matrix in modules(found, EnvironmentMatrix))
    np.testing.assert_array_equal(of_net, next(modules(standard, EnvironmentMatrix))[1].dstd)
    np.testing.assert_array_equal(of_file, next(modules(model.models[1], EnvironmentMatrix))[1].dstd)


BY_TYPE = {**NET, "descriptor": {**NET["descriptor"], "sel": [26, 0, 14], "type_one_side": False}}
MIXED = {**NET, "descriptor": {"type": "se_atten", "sel": 40, "rcut": 4.0, "neuron": [2, 4], "axis_neuron": 2}}


@pytest.mark.parametrize("part", [BY_TYPE, MIXED, {**BY_TYPE, "type_map": ["H", "O"]}])
def test_parts_have_types_of_their_own(model_section, water, part):
    """More than the whole, in another order: by descriptors and nets of each type, by mixed ones, in statistics."""
    names = part.get("type_map", ["H", "C", "O"])
    sel = part["descriptor"]["sel"]
    part = {**part, "descriptor": {**part["descriptor"], "sel": sel[:2] if len(names) == 2 else sel}, "type_map": names}
    section = model_section(type_map=["O", "H"], **linear("sum", part, NET))
    own = model_section(**part)
    atype = np.array(water.atype)
    atype[:, -1] = -1  # one that is not there
    renumbered = np.array([names.index("O"), names.index("H"), -1])[atype]
    labels = {"energy": np.zeros((3, 1))}
    whole = new_model(section, np.random.default_rng(5))
    whole = with_statistics(whole, [Batch(water.coord, water.box, atype, labels, {"energy": True})], section)
    alone = new_model(own, np.random.default_rng(5))
    alone = with_statistics(alone, [Batch(water.coord, water.box, renumbered, labels, {"energy": True})], own)
    whole = deserialize_model(whole.serialize())
    for found, expected in zip(leaves(whole.models[0]), leaves(alone), strict=True):
        if "out_" not in found.path:  # the bias is the whole's
            np.testing.assert_array_equal(found.array, expected.array, err_msg=found.path)
    frames = water.coord, water.box
    net = whole.models[1]
    of_parts = [
        evaluate(each, build_environment(each, *frames, types), None, None, derivative)
        for each, types in ((alone, renumbered), (net, atype))
    ]
    found = evaluate(whole, build_environment(whole, *frames, atype), None, None, derivative)
    for name, values in found.items():
        np.testing.assert_allclose(values, sum(each[name] for each in of_parts), rtol=0.0, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("adds_bias", [True, False])
def test_where_the_table_counts_the_bias_may_be_left_out(model_section, water, adds_bias):
    """As `srtab_add_bias` of deepmd-kit's TensorFlow; a file holds it as the bias of the net."""
    section = model_section(type_map=["O", "H"], srtab_add_bias=adds_bias, **NEAR)
    labels = {"energy": -np.arange(3.0)[:, None] - 20.0}
    batch = Batch(water.coord, water.box, water.atype, labels, {"energy": True})
    found = with_statistics(new_model(section, np.random.default_rng(0)), [batch], section)
    model = deserialize_model(found.serialize())
    bias = found.out_bias[0, :, 0] if adds_bias else found.models[0].out_bias[0, :, 0]
    assert np.any(bias != 0.0)
    assert np.any(found.out_std != 1.0)
    table = pair(model.models[1], 0.7)["energy"]
    np.testing.assert_allclose(pair(model, 0.7)["energy"], table + adds_bias * bias.sum(), rtol=0.0, atol=1e-12)
    neutral = replace(model.models[0], out_bias=np.zeros((1, 2, 1)))
    far = pair(neutral, 3.9)["energy"] + bias.sum()
    np.testing.assert_allclose(pair(model, 3.9)["energy"], far, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("name", ["sea", "atten_l2", "dpa2_options_real", "hybrid", "linear_ener", "zbl"])
def test_nothing_of_a_models_file_is_trained(new, name):
    """Nor after it went through a file again; its numbers stay."""
    path = REFERENCE / name / "model.dp"
    model = new(type="frozen", model_file=str(path))
    for each in (model, deserialize_model(model.serialize())):
        assert not any(leaf.trained for leaf in leaves(each))
    original = deserialize_model(read_document(path)["model"])
    assert [leaf.path for leaf in leaves(model)] == [leaf.path for leaf in leaves(original)]
    assert all(np.array_equal(a.array, b.array) for a, b in zip(leaves(model), leaves(original), strict=True))


@pytest.mark.parametrize("section", [TAB, FROZEN])
def test_a_training_of_nothing_is_refused(model_section, water, section):
    """Before any framework is asked."""
    section = model_section(type_map=["O", "H"], **section)
    with pytest.raises(InputError, match="there is nothing to train in the model"):
        BaseTrainer.__init__(None, {"model": section}, new_model(section, np.random.default_rng(0)), {})


def test_a_models_file_keeps_its_statistics(model_section, water):
    section = model_section(type_map=["O", "H"], **FROZEN)
    model = new_model(section, np.random.default_rng(0))
    assert all(
        np.array_equal(a.array, b.array)
        for a, b in zip(leaves(with_statistics(model, [], section)), leaves(model), strict=True)
    )


def test_a_table_describes_nothing(new, water):
    model = new(**linear("sum", TAB, {**TAB, "rcut": 3.0}))
    env = build_environment(model, water.coord, water.box, water.atype)
    for function in (model.describe, model.features, model.models[0].describe, model.models[0].features):
        arguments = (env,) if "describe" in str(function) else (env, None, None)
        with pytest.raises(InputError, match=r"no descriptor|no net"):
            function(*arguments)
    both = new(**linear("sum", TAB, NET))
    np.testing.assert_array_equal(
        both.describe(env := build_environment(both, water.coord, None, water.atype)), both.models[1].describe(env)
    )


def test_nets_of_combinations_are_compressed(tmp_path):
    tables = tmp_path / "compressed.dp"
    write_document(tables, compress(read_document(REFERENCE / "zbl" / "model.dp"), lambda: 0.8))
    model = deserialize_model(read_document(tables)["model"])
    assert [path for path, _ in modules(model, Table)]
    with np.load(REFERENCE / "zbl" / "data.npz") as data:
        energy, force, _ = DeepPot(tables).eval(data["coord"], data["box"], data["atype"])
        np.testing.assert_allclose(energy, data["pbc_energy"], rtol=0.0, atol=1e-6)
        np.testing.assert_allclose(force, data["pbc_force"], rtol=0.0, atol=1e-6)
    for name in ("pairtab", "linear_ener"):
        with pytest.raises(InputError, match="there is nothing in the model to compress"):
            compress(read_document(REFERENCE / name / "model.dp"), lambda: 0.8)


def test_parts_are_shown(capsys, tmp_path, model_section):
    section = model_section(type_map=["O", "H"], **linear("sum", NET, TAB))
    tree = new_model(section, np.random.default_rng(0)).serialize()
    write_document(tmp_path / "model.yaml", new_document(tree, backend="DP", model_def_script=section))
    main(["show", str(tmp_path / "model.yaml"), "descriptor", "size"])
    shown = capsys.readouterr().out
    assert '"type": "se_e2_a"' in shown
    assert '"pairtab"]' in shown


def rows(text):
    return {**TAB, "tab_file": text}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (rows(None), r"table.txt cannot be read: No such file or directory\."),
        (rows("0.1 1 2\n0.2 1 2\n"), r"table.txt has 3 columns; expected 4, the distance .* of the 2 types O, H\."),
        (rows("0.1 1 2 3\n0.2 1 2\n"), "table.txt is no table of numbers .*the number of columns changed"),
        (rows("r O-O O-H H-H\n"), "table.txt is no table of numbers .*could not convert string 'r'"),
        (rows(""), "table.txt has 0 rows; a table has two or more"),
        (rows("0.1 1 2 3\n"), "table.txt has 1 rows; a table has two or more"),
        (rows("0.1 1 2 3\n0.2 1 nan 3\n"), "table.txt, row 2: a number is not finite"),
        (rows("0.1 1 2 3\n0.2 1 2 3\n0.4 1 2 3\n"), "table.txt, row 3: expected distances .* in equal steps"),
        (rows("0.2 1 2 3\n0.1 1 2 3\n"), "table.txt, row 1: expected distances"),
        (rows("5 1 2 3\n6 1 2 3\n"), "table.txt begins at 5 Å, beyond the cut-off 4 Å; take a larger rcut"),
        (linear([1.0], NET, TAB), r"model/weights is a list of 1; expected 2 numbers, one for each of models\."),
        (linear("median", NET), "model/weights is 'median'; expected `mean`, `sum` or a list of numbers"),
        (linear("sum"), r"model/models is \[\]; expected a list of models"),
        (
            linear("sum", {**NET, "type_map": ["H", "C"]}),
            "model/models/0/type_map lacks O; expected all of model/type_map, O, H, in any order",
        ),
        (linear("sum", {**NET, "pair_exclude_types": [[0, 1]]}), "models/0/pair_exclude_types is given; all of models"),
        (linear("sum", linear("sum", NET)), "model/models/0/type is 'linear_ener': it does not go into another"),
        (linear("sum", {**NET, "fitting_net": {"type": "dipole"}}), "models/0 gives dipole; only potentials"),
        (
            linear("sum", *({**NET, "fitting_net": {"numb_fparam": n, "neuron": [3]}} for n in (1, 2))),
            "the models take 1 and 2 numbers as fparam, but all get the same",
        ),
        (
            linear("sum", FROZEN, type_map=["H", "C", "O", "N"]),
            "models/0 knows no C, N, only O, H; expected all types of the whole, H, C, O, N, in any order",
        ),
        ({**FROZEN, "model_file": str(REFERENCE / "spin" / "model.dp")}, "model.dp is a model of spins, which inputs"),
        ({**FROZEN, "model_file": "none.dp"}, "none.dp: there is no such model file"),
        ({**FROZEN, "model_file": TABLE}, "no installed backend reads files that end in '.txt'"),
        ({**NEAR, "use_srtab": "none.txt"}, "none.txt cannot be read: No such file"),
        ({**NEAR, "sw_rmin": 2.0}, r"model/sw_rmin is 2 and sw_rmax 1.6 Å; expected 0 <= sw_rmin < sw_rmax"),
        ({**NEAR, "use_srtab": ""}, "model/use_srtab is '', but `use_srtab` names no table"),
        ({**NET, "sw_rmin": 0.8}, "model/sw_rmin is 0.8, but `use_srtab` names no table"),
        ({**linear("sum", NET), "use_srtab": TABLE}, "model/use_srtab is given, but tables for near atoms are for"),
        ({**NEAR, "sw_rmax": None}, "model/sw_rmax is missing; `use_srtab` needs it"),
        ({**NEAR, "fitting_net": {"type": "dipole"}}, "with `use_srtab` only energies"),
        (linear("sum", {**NEAR, "srtab_add_bias": False}), "models/0/srtab_add_bias is false, but the energies of the"),
        ({**NEAR, "type": "zbl"}, "model/type is 'zbl'; expected one of"),
    ],
)
def test_what_cannot_be_combined(new, tmp_path, section, message):
    if "tab_file" in section and section["tab_file"] != TABLE:
        text, path = section["tab_file"], tmp_path / "table.txt"
        if text is not None:
            path.write_text(text)
        section = {**section, "tab_file": str(path)}
    with pytest.raises(DeepmdError, match=message) as caught:
        new(**{key: value for key, value in section.items() if value is not None})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "path", "value", "message"),
    [
        ("linear_ener", ("weights",), [1.0], "weights is a list of 1; expected 3 numbers"),
        ("linear_ener", ("weights",), "median", "weights is 'median'"),
        ("linear_ener", ("models",), [], "a linear combination of no models"),
        (
            "linear_ener",
            ("models", 0, "type_map"),
            ["H", "C"],
            "models/0 knows no O, only H, C; expected all types of the whole",
        ),
        ("linear_ener", ("models", 1, "tab", "ntypes"), 3, "table is for 3 types, the model has 2"),
        ("linear_ener", ("models", 1, "tab", "hh"), 0.0, "table has no interval"),
        ("linear_ener", ("models", 1, "tab", "@variables", "tab_data"), np.zeros(5), "array `tab_data`"),
        ("linear_ener", ("models", 1, "rcut"), 9.0, "the model's cut-off is 9.0 Å, its table's 5.0 Å"),
        ("linear_ener", ("type",), "frozen", "'frozen', which is one of inputs only"),
        ("zbl", ("sw_rmin",), 5.0, "sw_rmin 5.0 is not below sw_rmax"),
        ("zbl", ("smin_alpha",), 0.0, "smin_alpha"),
        ("zbl", ("models",), [], "a model of net and table has something else in it"),
        ("zbl", ("@variables", "out_bias"), np.zeros((1, 3, 1)), "out_bias"),
    ],
)
def test_a_damaged_tree_says_what_is_wrong(name, path, value, message):
    tree = read_document(REFERENCE / name / "model.dp")["model"]
    inner = tree
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(ModelFileError, match=message):
        deserialize_model(tree)
