# SPDX-License-Identifier: LGPL-3.0-or-later
"""The serialized model: its tree, its files, and what is said of wrong ones."""

from __future__ import annotations

import json
import random
import zlib

import h5py
import numpy as np
import pytest
import yaml

from deepmd.contract import (
    check_class,
    count_arrays,
    digest,
    document_from_bytes,
    document_to_bytes,
    map_arrays,
    new_document,
    read_document,
    take_array,
    walk_arrays,
    write_document,
)
from deepmd.errors import ModelFileError

ENDINGS = (".dp", ".yaml", ".yml", ".safetensors")


def make_model():
    rng = np.random.default_rng(0)
    layer = {
        "@class": "Layer",
        "@version": 2,
        "precision": "float64",
        "@variables": {"w": rng.normal(size=(2, 3)), "b": rng.normal(size=3).astype(np.float32), "idt": None},
    }
    variables = {
        "scale": np.array(1.5),
        "types": np.array([0, -1]),
        "used": np.array([True, False]),
        "residual": [np.arange(3.0), np.zeros((0,))],
        "transposed": rng.normal(size=(4, 2)).T,
    }
    return {
        "@class": "Model",
        "@version": 2,
        "type": "standard",
        "type_map": ["O", "H"],
        "rcond": None,
        "eps": 1e-05,
        "networks": [layer, {**layer, "resnet": True}],
        "@variables": variables,
    }


@pytest.fixture
def document():
    return new_document(make_model(), backend="DP", model_def_script={"type_map": ["O", "H"]}, min_nbor_dist=0.9)


def assert_same(left, right):
    assert map_arrays(left, lambda _: "array") == map_arrays(right, lambda _: "array")
    others = dict(walk_arrays(right))
    for path, array in walk_arrays(left):
        assert array.dtype == others[path].dtype, path
        np.testing.assert_array_equal(array, others[path])


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_format_gives_back_the_document(tmp_path, document, ending):
    write_document(tmp_path / f"model{ending}", document)
    read = read_document(tmp_path / f"model{ending}")
    assert len(read.pop("digest")) == 8
    assert_same(read, document)


def test_bytes_give_back_the_document(document):
    read = document_from_bytes(document_to_bytes(document))
    assert len(read.pop("digest")) == 8
    assert_same(read, document)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_flipped_bit_anywhere_is_found_before_anything_is_parsed(tmp_path, document, ending):
    path = tmp_path / f"model{ending}"
    write_document(path, document)
    whole = path.read_bytes()
    mark = whole.index(b"deepmd-crc32:")
    for place in random.Random(0).sample(range(len(whole)), 200):
        if not mark <= place < mark + 13:
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
            with pytest.raises(ModelFileError, match=r"model\.\w+ is damaged: its contents are not what was written"):
                read_document(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_digest_by_itself(tmp_path, document, ending):
    """As any program can check it: CRC-32 of the file with zeros for its 8 digits."""
    write_document(tmp_path / f"model{ending}", document)
    before, mark, rest = (tmp_path / f"model{ending}").read_bytes().partition(b"deepmd-crc32:")
    expected = f"{zlib.crc32(before + mark + b'0' * 8 + rest[8:]):08x}"
    assert rest[:8].decode() == expected == read_document(tmp_path / f"model{ending}")["digest"]


def test_pieces_that_were_hashed_before_are_not_read_again(tmp_path):
    """Their own CRC-32 gives the file's."""
    content = random.Random(0).randbytes(70_000)
    pieces = [
        (start, length, zlib.crc32(content[start : start + length])) for start, length in ((5, 0), (9, 1), (11, 65_537))
    ]
    for name, hashed in (("all", ()), ("joined", pieces)):
        (tmp_path / name).write_bytes(content + digest.BLANK.encode() + b"rest")
        digest.seal(tmp_path / name, b"beside", hashed=hashed)
    assert (tmp_path / "joined").read_bytes() == (tmp_path / "all").read_bytes()
    digest.seal(tmp_path / "joined", b"beside", hashed=[(11, 65_537, 0)])
    assert (tmp_path / "joined").read_bytes() != (tmp_path / "all").read_bytes()


def test_a_file_of_another_program_has_no_digest(tmp_path, document):
    """Also not where it was made of one of ours, all of whose entries deepmd-kit writes again."""
    write_document(tmp_path / "model.yaml", document)
    tree = yaml.safe_load((tmp_path / "model.yaml").read_text())
    (tmp_path / "model.yaml").write_text(yaml.safe_dump(tree))
    assert read_document(tmp_path / "model.yaml")["digest"] is None


def test_document_says_who_wrote_it(document):
    assert document["software"] == "deepmd-core"
    assert document["time"].endswith("+00:00")
    assert document["min_nbor_dist"] == 0.9
    assert "self_test" not in document


def test_dp_file_has_the_layout_of_deepmd_kit(tmp_path, document):
    write_document(tmp_path / "model.dp", document)
    with h5py.File(tmp_path / "model.dp") as file:
        text = file.attrs["json"]
        tree = json.loads(text)
        assert list(tree) == list(document)
        assert ", " not in text.replace("O, H", "")
        assert tree["model"]["networks"][0]["@variables"] == {"w": "/variable_0000", "b": "/variable_0001", "idt": None}
        assert tree["model"]["@variables"]["residual"] == ["/variable_0007", "/variable_0008"]
        assert file["variable_0000"].chunks is None
        assert file["variable_0004"].shape == ()
        assert len(file) == 10


def test_yaml_file_has_the_layout_of_deepmd_kit(tmp_path, document):
    write_document(tmp_path / "model.yaml", document)
    tree = yaml.safe_load((tmp_path / "model.yaml").read_text())
    assert list(tree) == sorted(tree)
    assert tree["model"]["@variables"]["types"] == {
        "@class": "np.ndarray",
        "@is_variable": True,
        "@version": 1,
        "dtype": "int64",
        "value": [0, -1],
    }


def test_safetensors_names_tell_the_place(tmp_path, document):
    from safetensors import safe_open

    write_document(tmp_path / "model.safetensors", document)
    with safe_open(tmp_path / "model.safetensors", "np") as file:
        assert "model.networks.0.w" in set(file.keys())
        np.testing.assert_array_equal(
            file.get_tensor("model.networks.1.w"), document["model"]["networks"][1]["@variables"]["w"]
        )


def test_numpy_scalars_become_numbers(tmp_path):
    model = {"rcut": np.float64(6.0), "sel": (np.int64(3), 4), "@variables": {"scale": np.float64(2.0)}}
    for ending in ENDINGS:
        write_document(tmp_path / f"model{ending}", {"model": model})
        read = read_document(tmp_path / f"model{ending}")["model"]
        assert read["rcut"] == 6.0
        assert read["sel"] == [3, 4]
        assert read["@variables"]["scale"].shape == ()


def test_strings_that_look_like_references_are_left_alone(tmp_path):
    write_document(tmp_path / "model.dp", {"model": {"note": "/variable_0000", "@variables": {"w": np.ones(1)}}})
    assert read_document(tmp_path / "model.dp")["model"]["note"] == "/variable_0000"


def test_bfloat16_is_read_from_hdf5_as_float32(tmp_path):
    # HDF5 keeps bfloat16 as two raw bytes: 0x3fc0 is 1.5, 0xc000 is -2
    raw = np.array([0x3FC0, 0xC000], dtype=np.uint16).view("V2")
    with h5py.File(tmp_path / "model.dp", "w") as file:
        file["variable_0000"] = raw
        file.attrs["json"] = json.dumps({"model": {"@variables": {"w": "/variable_0000"}}})
    array = read_document(tmp_path / "model.dp")["model"]["@variables"]["w"]
    assert array.dtype == np.float32
    assert array.tolist() == [1.5, -2.0]


def test_bfloat16_is_read_from_yaml_as_float32(tmp_path):
    array = {"@class": "np.ndarray", "@is_variable": True, "@version": 1, "dtype": "bfloat16", "value": [1.5, -2.0]}
    (tmp_path / "model.yaml").write_text(yaml.safe_dump({"model": {"@variables": {"w": array}}}))
    assert read_document(tmp_path / "model.yaml")["model"]["@variables"]["w"].dtype == np.float32


def test_arrays_are_visited_counted_and_replaced():
    model = make_model()
    assert [path for path, _ in walk_arrays(model)][:3] == ["networks.0.w", "networks.0.b", "networks.1.w"]
    assert count_arrays(model) == 2 * (6 + 3) + 1 + 2 + 2 + 3 + 8
    doubled = map_arrays(model, lambda array: array * 2)
    np.testing.assert_array_equal(doubled["@variables"]["residual"][0], 2 * np.arange(3.0))
    assert doubled["networks"][0]["@variables"]["idt"] is None
    np.testing.assert_array_equal(model["@variables"]["residual"][0], np.arange(3.0))


def test_take_array_gives_an_array_of_the_shape():
    variables = {"w": np.ones((2, 3)), "b": None}
    assert take_array(variables, "w", (2, -1), where="layer").shape == (2, 3)
    assert take_array(variables, "b", (3,), where="layer", optional=True) is None
    assert take_array(variables, "idt", (3,), where="layer", optional=True) is None


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, r"fitting\.nets: array `w` is missing"),
        ({"w": None}, "`w` is missing"),
        ({"w": np.ones((3, 2))}, r"`w` is float64\[3, 2\] where numbers of shape \(2, any\) belong"),
        ({"w": np.ones(2)}, r"float64\[2\]"),
        ({"w": "/variable_0000"}, "`w` is <U14"),
    ],
)
def test_take_array_names_what_is_wrong(variables, message):
    with pytest.raises(ModelFileError, match=message) as caught:
        take_array(variables, "w", (2, -1) if "w" in variables else (2, 3), where="fitting.nets")
    assert "\n" not in str(caught.value)


def test_check_class_accepts_the_range_and_a_missing_version():
    check_class({"@class": "Layer", "@version": 2}, "Layer", 1, 2)
    check_class({"@class": "Layer"}, "Layer", 1, 2)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"@class": "Descriptor"}, "has 'Descriptor' where a 'Layer' belongs"),
        ({}, "has None where a 'Layer' belongs"),
        ([1], "has 'list' where"),
        ({"@class": "Layer", "@version": 3}, "version 3, written by a newer version .* upgrade deepmd-core"),
        ({"@class": "Layer", "@version": 0, "type": "old"}, "Layer 'old' has version 0, older than 1"),
    ],
)
def test_check_class_names_what_is_wrong(data, message):
    with pytest.raises(ModelFileError, match=message):
        check_class(data, "Layer", 1, 2)


@pytest.mark.parametrize("ending", ENDINGS)
def test_truncated_file(tmp_path, document, ending):
    path = tmp_path / f"model{ending}"
    write_document(path, document)
    data = path.read_bytes()
    cut = data.rindex(b"value:") + 8 if ending.startswith(".y") else len(data) // 2
    path.write_bytes(data[:cut] + (b" [1," if ending.startswith(".y") else b""))
    with pytest.raises(ModelFileError, match=r"truncated|damaged") as caught:
        read_document(path)
    assert path.name in str(caught.value)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("content", [b"", b"\x80\x00 no model at all \xff" * 9])
def test_not_such_a_file(tmp_path, ending, content):
    path = tmp_path / f"model{ending}"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=f"model{ending}") as caught:
        read_document(path)
    assert "\n" not in str(caught.value)


def test_hdf5_of_another_program(tmp_path):
    with h5py.File(tmp_path / "model.dp", "w") as file:
        file["x"] = 1
    with pytest.raises(ModelFileError, match="HDF5 but no model"):
        read_document(tmp_path / "model.dp")


def test_safetensors_of_another_program(tmp_path):
    from safetensors.numpy import save_file

    save_file({"w": np.ones(2)}, tmp_path / "model.safetensors")
    with pytest.raises(ModelFileError, match="not written by deepmd-core"):
        read_document(tmp_path / "model.safetensors")


@pytest.mark.parametrize("text", ["[1, 2]", "software: deepmd-kit", "model: 3"])
def test_yaml_without_a_model(tmp_path, text):
    (tmp_path / "model.yaml").write_text(text)
    with pytest.raises(ModelFileError, match="holds no Deep Potential model"):
        read_document(tmp_path / "model.yaml")


def test_an_input_is_no_model(tmp_path):
    (tmp_path / "input.yaml").write_text("model: {}\ntraining: {}")
    with pytest.raises(ModelFileError, match=r"input.yaml is the input of a training; give a model file"):
        read_document(tmp_path / "input.yaml")


def test_missing_dataset_is_named(tmp_path, document):
    write_document(tmp_path / "model.dp", document)
    with h5py.File(tmp_path / "model.dp", "a") as file:
        del file["variable_0003"]
        file.attrs.modify("digest", np.bytes_("-" * 21))
    with pytest.raises(ModelFileError, match="/variable_0003 is missing"):
        read_document(tmp_path / "model.dp")


def test_ragged_yaml_array(tmp_path):
    array = {"@class": "np.ndarray", "dtype": "float64", "value": [[1.0], [2.0, 3.0]]}
    (tmp_path / "model.yaml").write_text(yaml.safe_dump({"model": {"@variables": {"w": array}}}))
    with pytest.raises(ModelFileError, match="array of type float64 cannot be read"):
        read_document(tmp_path / "model.yaml")


def test_yaml_builds_no_python_objects(tmp_path):
    path, victim = tmp_path / "model.yaml", tmp_path / "victim"
    path.write_text(f"model: !!python/object/apply:os.mkdir ['{victim}']\n")
    with pytest.raises(ModelFileError, match="not plain YAML"):
        read_document(path)
    assert not victim.exists()


def test_wrong_ending(tmp_path, document):
    with pytest.raises(ModelFileError, match=r"ends in \.dp, \.yaml, \.yml, \.safetensors, not in '\.pkl'"):
        write_document(tmp_path / "model.pkl", document)
    with pytest.raises(ModelFileError, match="not in 'nothing'"):
        read_document(tmp_path / "model")


def test_missing_file(tmp_path):
    with pytest.raises(ModelFileError, match="there is no such model file"):
        read_document(tmp_path / "model.dp")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_failed_write_leaves_the_old_file(tmp_path, document, ending):
    path = tmp_path / f"model{ending}"
    write_document(path, document)
    before = path.read_bytes()
    with pytest.raises((TypeError, yaml.YAMLError)):
        write_document(path, {"model": {"bad": object()}})
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("kind", ["link", "storage", "virtual"])
def test_arrays_in_other_files_are_not_read(tmp_path, kind):
    """HDF5 would look into any file that a stranger's names."""
    path, other = tmp_path / "model.dp", tmp_path / "other.h5"
    write_document(path, {"model": {"@variables": {"w": np.arange(3.0)}}})
    with h5py.File(other, "w") as file:
        file["secret"] = np.arange(3.0)
    (tmp_path / "raw").write_bytes(np.arange(3.0).tobytes())
    with h5py.File(path, "r+") as file:
        (name,) = list(file)
        del file[name], file.attrs["digest"]
        if kind == "link":
            file[name] = h5py.ExternalLink(str(other), "secret")
        elif kind == "storage":
            file.create_dataset(name, (3,), "f8", external=[(str(tmp_path / "raw"), 0, 24)])
        else:
            layout = h5py.VirtualLayout((3,), "f8")
            layout[:] = h5py.VirtualSource(str(other), "secret", (3,))
            file.create_virtual_dataset(name, layout)
    with pytest.raises(ModelFileError, match=r"model\.dp: the array /variable_0000 does not lie in this file"):
        read_document(path)
