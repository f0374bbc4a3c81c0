# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp show`, and what a document tells about its model."""

from __future__ import annotations

from pathlib import Path

import document_backends
import numpy as np
import pytest
from document_backends import make_document

from deepmd.contract import write_document
from deepmd.contract.summary import model_size, observed_types, serialization_tree
from deepmd.entrypoints.convert_backend import convert
from deepmd.errors import InputError, ModelFileError
from deepmd.main import parse_args, run


@pytest.fixture
def path(tmp_path, monkeypatch):
    document_backends.install(monkeypatch)
    write_document(tmp_path / "model.dp", make_document())
    return str(tmp_path / "model.dp")


def show(capsys, *args):
    run(parse_args(["show", *args]))
    return capsys.readouterr().out.splitlines()


def test_summary(path, capsys):
    lines = show(capsys, path)
    assert lines[0].startswith("written: by deepmd-core ")
    assert "(Document)" in lines[0]
    assert lines[1] == "digest: verified"
    assert [line.split(":")[0] for line in lines[2:]] == ["kind", "type-map", "descriptor", "fitting-net", "size"]


def test_a_file_without_digest_is_unverified(path, tmp_path, capsys):
    """As those of deepmd-kit."""
    write_document(tmp_path / "model.yaml", make_document())
    text = (tmp_path / "model.yaml").read_text().split("\n", 1)[1]
    (tmp_path / "model.yaml").write_text(text)
    assert show(capsys, str(tmp_path / "model.yaml"))[1] == "digest: unverified, the file has none"


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("kind", "kind: stack"),
        ("model-branch", "model-branch: none, it is a single-task model"),
        ("type-map", 'type-map: ["O", "H"]'),
        ("descriptor", 'descriptor: {"type": "morse"}'),
        ("fitting-net", 'fitting-net: "not recorded in this file"'),
        ("size", "size: descriptor 9, fitting-net 0, total 10 parameters"),
        ("memory", "memory: not known"),
        ("observed-type", 'observed-type: {"type_num": 1, "observed_type": ["H"]}'),
    ],
)
def test_attributes(path, capsys, attribute, expected):
    assert show(capsys, path, attribute) == [expected]


def test_several_attributes_in_the_order_given(path, capsys):
    assert [line.split(":")[0] for line in show(capsys, path, "size", "type-map")] == ["size", "type-map"]


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"type": "standard", "spin": {"use_spin": [True, False]}}, "standard with spins, use_spin [true, false]"),
        ({"use_srtab": "table.txt"}, "stack with the table table.txt for near atoms"),
        (
            {"type": "linear_ener", "weights": "sum", "models": [{"type": "standard"}, {"type": "pairtab"}]},
            'linear_ener of standard, pairtab, weights "sum"',
        ),
    ],
)
def test_the_kind_says_what_a_model_is_made_of(path, capsys, section, expected):
    write_document(path, make_document() | {"model_def_script": section})
    assert show(capsys, path, "kind") == [f"kind: {expected}"]


def test_another_file_is_no_attribute(path):
    with pytest.raises(InputError, match=r"model.dp`: .*model.dp is a file: one is shown at once"):
        run(parse_args(["show", path, path]))


def test_further_files_of_the_same_model_are_passed_over(path, capsys, monkeypatch):
    expected = show(capsys, path)
    monkeypatch.setattr(document_backends.DocumentBackend, "companion_suffixes", {".dp": (".beside",)})
    beside = Path(path).with_suffix(".beside")
    beside.touch()
    assert show(capsys, path, str(beside)) == expected
    assert show(capsys, path, str(beside), "size") == expected[-1:]


def test_unknown_attribute(path):
    with pytest.raises(InputError, match="sizes is no attribute; there are kind, model-branch, type-map"):
        run(parse_args(["show", path, "sizes"]))


def test_verify(path, tmp_path, capsys):
    with pytest.raises(ModelFileError, match="has no self-test"):
        run(parse_args(["show", path, "--verify"]))
    convert(path, str(tmp_path / "tested.dp"))
    capsys.readouterr()
    assert show(capsys, str(tmp_path / "tested.dp"), "size", "--verify")[-1].startswith("self-test: passed")


def test_statistics_are_no_parameters():
    net = {"@class": "Layer", "@variables": {"w": np.ones((2, 3)), "b": np.ones(3)}}
    model = {
        "descriptor": {"embeddings": net, "@variables": {"davg": np.ones(4), "dstd": np.ones(4)}},
        "fitting": {"nets": [net, net], "@variables": {"bias_atom_e": np.ones((2, 1)), "fparam_avg": np.ones(1)}},
        "@variables": {"out_bias": np.ones((1, 2, 1)), "out_std": np.ones((1, 2, 1))},
    }
    assert model_size(model) == {"descriptor": 9, "fitting-net": 18, "total": 27}


def test_recorded_types_come_first():
    document = make_document() | {"model_def_script": {"info": {"observed_type": ["H", "O"]}}}
    assert observed_types(document) == {"type_num": 2, "observed_type": ["H", "O"]}


def part(type_map, bias, **rest):
    return {"type_map": type_map, "@variables": {"out_bias": np.reshape(bias, (1, -1, 1))}, **rest}


def test_types_of_a_model_made_of_several():
    """Deepmd-kit's linear models may have biases in their parts only."""
    names = ["O", "H", "C"]
    parts = [part(names, [0.0, 1.5, 0.0]), part(names, [0.0, 0.0, 1e-9])]
    linear = {"type": "linear", "type_map": names, "models": parts}
    assert observed_types({"model": linear}) == {"type_num": 1, "observed_type": ["H"]}


def test_types_with_a_bias_in_the_fitting():
    fitting = {"@variables": {"bias_atom_e": np.array([[-2.0], [0.0], [0.5]])}}
    document = {"model": part(["O", "H", "C"], [0.0, 0.0, 0.0], fitting=fitting)}
    assert observed_types(document)["observed_type"] == ["C", "O"]


def test_types_that_are_not_recorded():
    with pytest.raises(ModelFileError, match="does not record which types"):
        observed_types({"model": {"type": "table"}})


def test_size_of_a_model_made_of_several():
    net = {"@variables": {"w": np.ones((2, 3))}}
    table = {"@variables": {"vdata": np.ones(4), "tab_info": np.ones(4), "tab_data": np.ones(4)}}
    model = {"models": [{"descriptor": net, "fitting": net}, {"descriptor": net}, {"tab": table}]}
    assert model_size(model) == {"descriptor": 12, "fitting-net": 6, "total": 18}


def test_tree_shows_modules_with_arrays():
    tree = serialization_tree(make_document()["model"]).splitlines()
    assert tree == [
        "model: Model morse (12)",
        "  descriptor: group (9)",
        "    layers: list of 1 (9)",
        "      0: Layer (9)",
    ]
