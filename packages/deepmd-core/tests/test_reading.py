# SPDX-License-Identifier: LGPL-3.0-or-later
"""Files that are misshapen or made to harm: one line that names the file and what was expected, and no memory."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest
import yaml
from morse import install, make_frames, write_model
from toy_data import NAMES, write_system

from deepmd import main as dp
from deepmd.contract import document_from_bytes, document_to_bytes, new_document, read_document, write_document
from deepmd.contract.schema import LOOP, STATE, check_table
from deepmd.data import System
from deepmd.errors import DataError, InputError, ModelFileError
from deepmd.files.plain import check_plain, is_shallow, parse_json, parse_yaml
from deepmd.files.reading import open_archive, reading
from deepmd.infer import DeepPot
from deepmd.schema import load_input
from deepmd.schema.upgrade import upgrade
from deepmd.train import TrainingState

MODEL = {"@class": "Model", "type_map": ["O", "H"], "@variables": {"w": np.arange(6.0).reshape(2, 3)}}
DOCUMENT = new_document(MODEL, backend="test", model_def_script={})
BOMB = "\n".join(
    [
        "a0: &a0 [x, x, x, x, x, x, x, x, x, x]",
        *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)),
    ]
)
"""600 bytes that stand for 10¹⁰ values."""
MERGES = "\n".join(
    ["a0: &a0 {x: 1}", *(f"a{n}: &a{n}\n  <<: [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10))]
)


def one_line_of(function, *args, error=ModelFileError):
    """The message of an error, which is a line, and cheap."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(error) as caught:
        function(*args)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    return message


@pytest.mark.parametrize("text", [BOMB, MERGES, "a: &a [*a]", "a: &a {b: *a}"])
def test_aliases_that_stand_for_more_than_the_file(tmp_path, text):
    for name, read, error in (("m.yaml", read_document, ModelFileError), ("i.yaml", load_input, InputError)):
        (tmp_path / name).write_text(f"model: {{}}\n{text}")
        assert "alias" in one_line_of(read, tmp_path / name, error=error)


def test_an_alias_for_a_list_is_read():
    """Older versions of deepmd-kit wrote them, where two parts of a model shared a list."""
    assert parse_yaml("a: &x [O, H]\nb: *x", "f") == {"a": ["O", "H"], "b": ["O", "H"]}


@pytest.mark.parametrize("depth", [500, 5_000, 100_000])
@pytest.mark.parametrize("form", ["[{}]", "flow", "block"])
def test_deep_nesting(tmp_path, depth, form):
    text = {"[{}]": "[" * depth + "]" * depth, "flow": '{"a":' * depth + "1" + "}" * depth, "block": "- " * depth + "1"}
    for name in ("input.json", "input.yaml") if form != "block" else ("input.yaml",):
        (tmp_path / name).write_text(f'{{"model": {text[form]}}}' if form != "block" else f"model:\n  {text[form]}")
        assert "deep" in one_line_of(load_input, tmp_path / name, error=InputError)
    (tmp_path / "m.yaml").write_text(f'{{"model": {text[form]}}}' if form != "block" else f"model:\n  {text[form]}")
    assert "deep" in one_line_of(read_document, tmp_path / "m.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": ' + "9" * 5000 + "}", "integer"),
        ('{"a": ' + "9" * 400 + "}", r"a is an integer of 1329 bits; expected at most 63"),
        ('{"a": {"b": "\\ud800"}}', "a/b is .* no text in Unicode"),
    ],
)
def test_values_that_are_none(tmp_path, text, message):
    for name in ("input.json", "input.yaml")[: 1 if "ud800" in text else 2]:
        (tmp_path / name).write_text(text)
        assert re.search(message, one_line_of(load_input, tmp_path / name, error=InputError))


@pytest.mark.parametrize("text", ["model: {1: a}", "1: a", "model: {yes: a}", "model: {null: a}", "? [a]\n: b"])
def test_keys_that_are_no_texts(tmp_path, text):
    (tmp_path / "input.yaml").write_text(text)
    assert "input.yaml" in one_line_of(load_input, tmp_path / "input.yaml", error=InputError)


def test_dates_and_sets_are_no_plain_values():
    with pytest.raises(InputError, match=r"f: a is .*date"):
        check_plain(parse_yaml("a: 2001-01-01", "f"), "f")
    with pytest.raises(InputError, match=r"f: a is .*set"):
        check_plain(parse_yaml("a: !!set {b}", "f"), "f")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_def_script": 5}, "model_def_script is 5; expected a mapping"),
        ({"software": ["x"]}, r"software is \['x'\]; expected a text"),
        ({"min_nbor_dist": "x"}, "min_nbor_dist is 'x'; expected a number"),
        ({"self_test": 1}, "self_test is 1; expected a mapping"),
    ],
)
@pytest.mark.parametrize("ending", [".dp", ".yaml", ".safetensors"])
def test_misshapen_documents(tmp_path, changes, message, ending):
    path = tmp_path / f"model{ending}"
    write_document(path, DOCUMENT | changes)
    found = one_line_of(read_document, path)
    assert re.search(message, found)
    assert path.name in found


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loop": 5}, "loop is 5; expected a mapping"),
        ({"loop": {"data": {"seed": 1}}}, "loop/data/drawn is missing"),
        (
            {"loop": {"data": {"seed": 1, "drawn": 10**18}}},
            "loop/data/drawn is 1000000000000000000; expected an integer",
        ),
        ({"step": "a"}, "step is 'a'; expected an integer from 0"),
        ({"step": True}, "step is True"),
        ({"optimizer": {"m": [1.0]}}, r"optimizer/m is \[1.0\]; expected an array"),
        ({"model": {}}, "model/model is missing"),
    ],
)
def test_misshapen_states(changes, message):
    tree = {"model": DOCUMENT, "optimizer": {}, "step": 0, "loop": {}}
    assert TrainingState.of_tree(tree, "f").step == 0
    with pytest.raises(ModelFileError, match=f"^f: {message}"):
        check_table(tree | changes, STATE | {"loop": LOOP}, "f")


def test_a_missing_part_of_a_state():
    with pytest.raises(ModelFileError, match="f: loop is missing"):
        TrainingState.of_tree({"model": DOCUMENT, "optimizer": {}, "step": 0}, "f")


def write_dp(path, **datasets):
    """A `.dp` with these datasets: arrays, or what makes one in the file."""
    names = {name: f"/{name}" for name in datasets}
    with h5py.File(path, "w") as file:
        file.attrs["json"] = json.dumps({"model": {"@variables": names}})
        for name, make in datasets.items():
            make(file, name)
    return path


@pytest.mark.parametrize(
    "make",
    [
        lambda file, name: file.create_dataset(name, (2**29,), "f8"),  # never written
        lambda file, name: file.create_dataset(name, (2**29,), "f8", chunks=(2**20,)),
        lambda file, name: file.create_dataset(name, data=np.zeros(2**24), compression="gzip", compression_opts=9),
    ],
)
def test_hdf5_that_unfolds(tmp_path, make):
    message = one_line_of(read_document, write_dp(tmp_path / "model.dp", variable_0=make))
    assert "model.dp" in message
    assert "would unfold" in message


def test_hdf5_with_many_references_to_one_array(tmp_path):
    with h5py.File(tmp_path / "model.dp", "w") as file:
        file["variable_0"] = np.zeros(2**17)
        tree = {"model": {"@variables": {f"a{n}": "/variable_0" for n in range(5000)}}}
        file.create_dataset("unused", data=0)
        file.attrs.create("json", json.dumps(tree), dtype=h5py.string_dtype())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read_document(tmp_path / "model.dp")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


@pytest.mark.parametrize("kind", ["soft", "external", "external link", "virtual", "group", "text", "object"])
def test_hdf5_that_holds_no_array_of_its_own(tmp_path, kind):
    (tmp_path / "secret").write_bytes(b"12345678" * 2)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.ones(2)

    def make(file, name):
        if kind == "soft":
            file["x"], file[name] = np.ones(2), h5py.SoftLink("/x")
        elif kind == "external":
            file.create_dataset(name, (2,), "f8", external=[(str(tmp_path / "secret"), 0, 16)])
        elif kind == "external link":
            file[name] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/x")
        elif kind == "virtual":
            layout = h5py.VirtualLayout((2,), "f8")
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (2,))
            file.create_virtual_dataset(name, layout)
        elif kind == "group":
            file.create_group(name)
        else:
            file[name] = np.array(["a"], dtype="S1" if kind == "text" else h5py.string_dtype())

    message = one_line_of(read_document, write_dp(tmp_path / "model.dp", variable_0=make))
    assert "model.dp: the array /variable_0" in message


def test_big_endian_arrays_are_read(tmp_path):
    path = write_dp(
        tmp_path / "model.dp", variable_0=lambda file, name: file.create_dataset(name, data=np.ones(2, ">f8"))
    )
    array = read_document(path)["model"]["@variables"]["variable_0"]
    assert array.dtype.isnative
    assert array.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("dtype", ["S1000000000", "U100000000", "object", "float64,float64", 5, None])
def test_yaml_arrays_of_other_types(tmp_path, dtype):
    tree = {"model": {"@variables": {"w": {"@class": "np.ndarray", "dtype": dtype, "value": ["a"]}}}}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(tree))
    assert "expected one of numbers" in one_line_of(read_document, tmp_path / "m.yaml")


def test_archives_that_unfold(tmp_path):
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", bytes(100 * 2**20))

    def read():
        with open_archive(path, "model.zip") as archive:
            archive.read("x")

    assert "would unfold to 104857600" in one_line_of(read)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RecursionError("deep"), r"m\.x cannot be read \(RecursionError: deep\); it is damaged or"),
        (KeyError("a\nb"), r"m\.x cannot be read \(KeyError: .*\); it is damaged or"),
        (ImportError("No module named 'lzma'"), r"m\.x cannot be read: No module named 'lzma'; install the package"),
        (MemoryError(), r"m\.x asks for more memory than there is"),
        (OSError(5, "Input/output error"), r"m\.x cannot be read: Input/output error"),
        (ModelFileError("array `w` is missing."), r"m\.x: array `w` is missing"),
        (ModelFileError("m.x is empty."), r"^m\.x is empty\.$"),
    ],
)
def test_whatever_a_reader_stumbles_over(tmp_path, monkeypatch, error, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelFileError, match=message) as caught, reading("m.x"):
        raise error
    assert caught.value is error or caught.value.__cause__ is error
    assert "\n" not in str(caught.value)


def test_devices_are_no_files():
    with pytest.raises(ModelFileError, match="/dev/zero is neither a file nor a folder"), reading("/dev/zero"):
        pass


@pytest.mark.parametrize("name", ["m.pb", "m.json", "m.x"])
def test_an_empty_file_is_no_file_of_another_program(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ModelFileError, match=f"{name} is empty, as a full disk"), reading(tmp_path / name):
        raise ModelFileError("was not frozen by deepmd-tf")


def test_safetensors_header(tmp_path):
    content = bytearray(document_to_bytes(DOCUMENT))
    for length in (2**62, 2**31, 0):
        content[:8] = length.to_bytes(8, "little")
        (tmp_path / "m.safetensors").write_bytes(content)
        assert "m.safetensors" in one_line_of(read_document, tmp_path / "m.safetensors")
    with pytest.raises(ModelFileError, match="f is not in the safetensors format"):
        document_from_bytes(b"", "f")


OLD = {"model": {}, "training": {"systems": "a", "stop_batch": 100}}
RATE = {"start_lr": 1e-3, "decay_steps": 10, "decay_rate": 0.95}


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        *(("learning_rate", "decay_rate", value) for value in (0, -1, "x", None, 2.0, True, float("nan"))),
        *(("learning_rate", "decay_steps", value) for value in (0, -5, "x", [])),
        ("learning_rate", "start_lr", "1e-3"),
        *(("training", "stop_batch", value) for value in ("x", None, 0)),
    ],
)
def test_decay_of_the_old_form(section, key, value):
    config = {**OLD, "learning_rate": dict(RATE)}
    config[section] = {**config[section], key: value}
    message = one_line_of(upgrade, config, error=InputError)
    assert f"{section}/{key} is {value!r}; expected a number above 0" in message


@pytest.mark.parametrize("word", ["inf", "-inf", "nan", "1e30", "99999999999999999999", "20000", "1e308"])
def test_types_that_are_none(tmp_path, word):
    write_system(tmp_path / "a")
    (tmp_path / "a" / "type.raw").write_text(f"0 1 {word}")
    for type_map in (NAMES, None):
        message = one_line_of(System, tmp_path / "a", type_map, error=DataError)
        assert f"type.raw holds {word}; expected integers up to 10000" in message


@pytest.mark.parametrize("key", ["coord", "box"])
@pytest.mark.parametrize("value", [1e308, -1e12])
def test_lengths_beyond_any_frame(tmp_path, key, value):
    arrays = write_system(tmp_path / "a")
    arrays[key][2, 4] = value
    np.save(tmp_path / "a" / "set.000" / f"{key}.npy", arrays[key])
    message = one_line_of(System(tmp_path / "a", NAMES).check, error=DataError)
    assert f"{key}.npy: frame 2 holds {value}" in message


def test_hdf5_data_that_were_never_written(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["type.raw"] = [0, 1]
        file.create_dataset("set.000/coord.npy", (10**7, 6), "f8")
        file.create_dataset("set.000/box.npy", (10**7, 9), "f8")
    assert "never written" in one_line_of(System, f"{tmp_path}/a.hdf5", NAMES, error=DataError)
    with h5py.File(tmp_path / "b.hdf5", "w") as file:
        file.create_dataset("type.raw", (10**9,), "i8")
    assert "never written" in one_line_of(System, f"{tmp_path}/b.hdf5", NAMES, error=DataError)
    with h5py.File(tmp_path / "c.hdf5", "w") as file:
        file.create_group("type.raw")
    assert "holds no words" in one_line_of(System, f"{tmp_path}/c.hdf5", NAMES, error=DataError)


@pytest.fixture
def morse(monkeypatch, tmp_path):
    install(monkeypatch)
    return DeepPot(write_model(tmp_path / "water.morse"))


@pytest.mark.parametrize("coords", [[], np.zeros((0, 3)), np.zeros((1, 0)), np.zeros((1, 0, 3))])
@pytest.mark.parametrize("cells", [None, 5.0 * np.eye(3)])
def test_no_atoms_have_no_energy(morse, coords, cells):
    energy, force, virial, atom_energy, atom_virial = morse.eval(coords, cells, [], atomic=True)
    assert (energy.tolist(), force.shape, virial.tolist()) == ([[0.0]], (1, 0, 3), [[0.0] * 9])
    assert (atom_energy.shape, atom_virial.shape) == ((1, 0, 1), (1, 0, 9))
    assert morse.eval(np.zeros((2, 0)), None, [])[0].tolist() == [[0.0], [0.0]]


def test_no_atoms_with_coordinates(morse):
    with pytest.raises(InputError, match="coords holds 3 numbers"):
        morse.eval(np.zeros((1, 3)), None, [])
    with pytest.raises(InputError, match="no atoms to describe"):
        morse.eval_descriptor([], None, [])


def test_lengths_beyond_any_frame_are_refused_by_eval(morse):
    coord, cell, atype = make_frames()
    coord = coord.copy()
    coord[0, 1, 2] = 1e308
    with pytest.raises(
        InputError, match=r"coords holds 1e\+308 at frame 0, atom 1, expected finite numbers up to 1e\+09 Å"
    ):
        morse.eval(coord, cell, atype)


def test_what_is_behind_an_error_is_shown_on_demand(tmp_path):
    (tmp_path / "input.json").write_text("[" * 100_000)
    command = [sys.executable, "-m", "deepmd", "train", str(tmp_path / "input.json")]
    brief, full = (
        subprocess.run([*command, *more], capture_output=True, text=True, check=False) for more in ((), ("-v", "DEBUG"))
    )
    assert brief.returncode == full.returncode == 1
    assert brief.stderr.count("\n") == 1
    assert "Traceback" in full.stderr
    assert full.stderr.splitlines()[-1] == brief.stderr.strip()


def test_names_in_files_cannot_write_to_the_terminal():
    line = dp._failure("the key a\x1b[31m\nb", InputError("x"))
    assert line == "dp: error: the key a [31m b"


def test_json_in_bytes_that_are_no_text():
    with pytest.raises(ModelFileError, match="f is not valid JSON"):
        parse_json(b"\xff\xfe{", "f", ModelFileError)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a(": [[1], {}]}', True),
        ('{"a": [[[1]]]}', False),
        ('["]", ["]", ["]", ["]"]]]]', False),
        ('["\\"", []]', False),  # it cannot tell
        ("[1", False),
        ("]1[", False),
        ("", True),
    ],
)
def test_brackets_three_deep(text, expected):
    assert is_shallow(text, 3) is expected


def test_brackets_of_lines():
    assert is_shallow('f(x)\ng(")")\n', 3, by_line=True)
    assert is_shallow("f(\n)", 3)
    assert not is_shallow("f(\n)", 3, by_line=True)
