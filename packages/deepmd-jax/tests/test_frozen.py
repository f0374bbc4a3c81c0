# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frozen files: right for every size, with ghosts, readable by their frameworks alone, clear where they are damaged."""

from __future__ import annotations

import gc
import io
import json
import shutil
import subprocess
import sys
import weakref
import zipfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import h5py
import jax
import numpy as np
import pytest
from models import BY_NAME, PLAIN

from deepmd.contract import walk_arrays, write_document
from deepmd.errors import BackendError, InputError, ModelFileError
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.conformance.frames import FRAMES
from deepmd_dp.conformance.plugin_calls import PluginError
from deepmd_dp.conformance.plugins import plugin_of
from deepmd_dp.environment.builder import all_neighbors, build_environment
from deepmd_dp.environment.parts import frame_parts
from deepmd_dp.kit.metadata import sealed
from deepmd_dp.kit.signature import Signature, with_file_inputs
from deepmd_dp.model import deserialize_model
from deepmd_dp.numpy_backend.deep_eval import NumpyDeepEval
from deepmd_jax import frozen, saved_model
from deepmd_jax.arrays import full_precision
from deepmd_jax.deep_eval import JaxDeepEval

HAS_TENSORFLOW = find_spec("tensorflow") is not None
SUFFIXES = [".hlo", ".savedmodel"] if HAS_TENSORFLOW else [".hlo"]
NEEDS_TENSORFLOW = pytest.mark.skipif(not HAS_TENSORFLOW, reason="the extra savedmodel; tox -e consistency has it")
CASE = BY_NAME["se_e2_a: frame and atomic parameters"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The case's model in all kinds of files."""
    folder = tmp_path_factory.mktemp("frozen")
    for suffix in SUFFIXES:
        frozen.write(str(folder / f"model{suffix}"), random_document(CASE))
    write_document(folder / "model.dp", random_document(CASE))
    return folder


@pytest.fixture(scope="module", params=SUFFIXES)
def path(folder, request) -> Path:
    return folder / f"model{request.param}"


def frames_of(repeats: int):
    """The first frame, as often as wanted in one long cell, and its parameters."""
    chosen = FRAMES["virtual atoms"]
    cell = chosen.cells[:1]
    coord = np.concatenate([chosen.coords[:1] + k * cell[:, 2] for k in range(repeats)], axis=1)
    rng = np.random.default_rng(repeats)
    cell = cell * np.array([1.0, 1.0, repeats])[:, None]
    atype = np.tile(chosen.atom_types[:1], repeats)
    return (coord, cell, atype), {"fparam": rng.normal(size=(1, 2)), "aparam": rng.normal(size=(*atype.shape, 1))}


@pytest.mark.parametrize("repeats", [1, 9])
def test_other_sizes(path, folder, repeats):
    frames, parameters = frames_of(repeats)
    expected = NumpyDeepEval(str(folder / "model.dp")).eval(*frames, atomic=True, **parameters)
    results = JaxDeepEval(str(path)).eval(*frames, atomic=True, **parameters)
    assert set(results) == set(expected)
    for name, array in expected.items():
        assert results[name].dtype == np.float64
        assert results[name].shape == array.shape
        assert np.abs(results[name] - array).max() < 1e-12 * max(1.0, np.abs(array).max()), name


def test_frames_without_atoms(path):
    results = JaxDeepEval(str(path)).eval(
        np.zeros((1, 0, 3)), None, np.zeros((1, 0), dtype=np.int64), fparam=np.zeros((1, 2)), aparam=np.zeros((1, 0, 1))
    )
    assert np.all(results["energy"] == 0.0)
    assert results["force"].shape == (1, 0, 3)


def test_ghosts_take_the_forces_of_their_edges(path):
    """The graph alone, on inputs without any padding: half of the atoms are local, the others their ghosts."""
    (coord, cell, atype), parameters = frames_of(1)
    expected = JaxDeepEval(str(path)).eval(coord, cell, atype, **parameters)
    model = deserialize_model(random_document(CASE)["model"])
    graph, signature = frozen.load(str(path)), Signature.of(model)
    energy, force = 0.0, np.zeros_like(expected["force"])
    lists = all_neighbors(model, coord, cell, atype)
    for part in frame_parts(model, coord, cell, atype, lists, 4):
        with full_precision():
            inputs = signature.pack(part.env, parameters["fparam"], part.rows_of(parameters["aparam"]))
            found = graph(inputs, ("energy", "force"))
        energy, ghosts = energy + np.asarray(found["energy"]), np.asarray(found["force"])[:, 4:]
        assert np.abs(ghosts).max() > 1e-3
        force[:, part.order] += np.asarray(found["force"])
    assert np.abs(energy - expected["energy"]).max() < 1e-12
    assert np.abs(force - expected["force"]).max() < 1e-12


def test_parameters_that_the_model_needs_are_missed(path):
    (coord, cell, atype), parameters = frames_of(1)
    for missing in parameters:
        with pytest.raises(InputError, match=f"needs {missing}"):
            JaxDeepEval(str(path)).eval(coord, cell, atype, **(parameters | {missing: None}))


def test_a_graph_called_directly_misses_them_too(path):
    """No zeros take the place of what is not given."""
    model = deserialize_model(random_document(CASE)["model"])
    (coord, cell, atype), _ = frames_of(1)
    env = with_file_inputs(build_environment(model, coord, cell, atype), model)
    inputs = Signature.of(model).pack(env, np.zeros((1, 2)), np.zeros((*atype.shape, 1)))
    del inputs["fparam"]
    with full_precision(), pytest.raises((ValueError, KeyError), match="fparam"):
        frozen.load(str(path))(inputs, ("energy",))


def test_products_of_float32_are_those_of_float32(tmp_path):
    """A GPU takes ten bits of the numbers (TF32) where the graph does not say otherwise."""
    path = tmp_path / "model.hlo"
    frozen.write(str(path), random_document(BY_NAME["se_e2_a: float32"]))
    with zipfile.ZipFile(path) as archive:
        graph = jax.export.deserialize(bytearray(archive.read("graph.stablehlo"))).mlir_module()
    products = [line for line in graph.splitlines() if "stablehlo.dot_general" in line]
    assert products
    assert [line for line in products if "[HIGHEST, HIGHEST]" not in line] == []


def test_the_graph_needs_nothing_of_ours(folder):
    """Neither our library nor our packages: JAX alone opens and compiles it."""
    code = (
        "import sys, zipfile, jax; jax.config.update('jax_enable_x64', True);"
        f"data = zipfile.ZipFile({str(folder / 'model.hlo')!r}).read('graph.stablehlo');"
        "graph = jax.export.deserialize(bytearray(data));"
        "assert not any(name.startswith('deepmd') for name in sys.modules);"
        "assert 'custom_call @deepmd' not in graph.mlir_module();"
        "print(*sorted(graph.in_tree.unflatten(graph.in_avals)[0][0]))"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    with zipfile.ZipFile(folder / "model.hlo") as archive:
        record = json.loads(archive.read("metadata.json"))
    assert set(out.stdout.split()) == {each["name"] for each in record["inputs"]}


def metadata_of(path: Path) -> dict:
    if path.is_dir():
        return json.loads((path / "metadata.json").read_text(encoding="utf-8"))
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("metadata.json"))


def test_metadata(path):
    """The record is that of the model; see `deepmd_dp.kit.metadata`."""
    record, signature = metadata_of(path), Signature.of(deserialize_model(random_document(CASE)["model"]))
    assert record["model"]["type_map"] == ["O", "H"]
    assert (record["model"]["dim_fparam"], record["model"]["dim_aparam"]) == (2, 1)
    assert [(each["name"], each["axes"]) for each in record["inputs"]] == [
        (each.name, list(each.axes)) for each in signature.inputs
    ]
    assert [each["name"] for each in record["outputs"]] == [each.name for each in signature.outputs]


@NEEDS_TENSORFLOW
def test_metadata_of_both_kinds_differ_in_the_digest_only(folder):
    one, other = (metadata_of(folder / f"model{suffix}") for suffix in SUFFIXES)
    assert one.pop("digest") != other.pop("digest")
    assert one == other


def test_xlo_is_the_same_kind(folder, tmp_path):
    frozen.write(str(tmp_path / "model.xlo"), random_document(CASE))
    found, expected = frozen.read_any(str(tmp_path / "model.xlo")), frozen.read_any(str(folder / "model.hlo"))
    for (name, array), (other, same) in zip(walk_arrays(found), walk_arrays(expected), strict=True):
        assert name == other
        assert np.array_equal(array, same)
    with zipfile.ZipFile(tmp_path / "model.xlo") as one, zipfile.ZipFile(folder / "model.hlo") as other:
        assert one.namelist() == other.namelist()


def test_checkpoints_are_not_written_here(tmp_path):
    with pytest.raises(ModelFileError, match=r"\.jax is the ending of training checkpoints"):
        frozen.write(str(tmp_path / "model.jax"), random_document(PLAIN))


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_damaged_file(folder, tmp_path, keep):
    content = (folder / "model.hlo").read_bytes()
    (tmp_path / "broken.hlo").write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ModelFileError, match=r"broken\.hlo"):
        JaxDeepEval(str(tmp_path / "broken.hlo"))


@pytest.mark.parametrize("part", ["graph.stablehlo", "deepmd_document.safetensors", "metadata.json"])
def test_a_changed_part_is_noticed(folder, tmp_path, part):
    """By the digest: the archive's own check sums are right."""
    with zipfile.ZipFile(folder / "model.hlo") as old, zipfile.ZipFile(tmp_path / "broken.hlo", "w") as new:
        for name in old.namelist():
            content = bytearray(old.read(name))
            if name == part:
                content[len(content) // 2] ^= 1
            new.writestr(name, bytes(content))
    with pytest.raises(ModelFileError, match=r"broken\.hlo"):
        JaxDeepEval(str(tmp_path / "broken.hlo"))


def test_a_graph_of_another_jax(folder, tmp_path, monkeypatch):
    def refuse(_: bytearray) -> None:
        raise ValueError("unknown version")

    monkeypatch.setattr(jax.export, "deserialize", refuse)
    with pytest.raises(ModelFileError, match=rf"model\.hlo: JAX {jax.__version__} does not read its graph"):
        JaxDeepEval(str(folder / "model.hlo"))


def test_archive_of_another_program(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.hlo", "w") as archive:
        archive.writestr("hello", "world")
    with pytest.raises(ModelFileError, match=r"other\.hlo was not frozen by deepmd-jax"):
        frozen.read_any(str(tmp_path / "other.hlo"))


def test_a_file_of_deepmd_kit_holds_its_model(folder, tmp_path):
    """As deepmd-kit lays it out: a `.dp` with its graph beside, which is not run."""
    path = tmp_path / "kit.hlo"
    shutil.copyfile(folder / "model.dp", path)
    with h5py.File(path, "a") as file:
        del file.attrs["digest"]
        tree = json.loads(file.attrs["json"])
        tree["@variables"] = {"stablehlo": f"/variable_{len(file):04d}"}
        file[f"variable_{len(file):04d}"] = np.void(b"some graph")
        del file.attrs["json"]
        file.attrs["json"] = json.dumps(tree)
    path.write_bytes(path.read_bytes().replace(b"deepmd-crc32:", b"no-digest-at:"))
    names, expected = (
        [name for name, _ in walk_arrays(each["model"])] for each in (frozen.read_any(str(path)), random_document(CASE))
    )
    assert names == expected
    frame = FRAMES["periodic and triclinic"]
    parameters = {"fparam": np.ones((len(frame.coords), 2)), "aparam": np.ones((*frame.atom_types.shape, 1))}
    found, expected = (
        cls(str(file)).eval(frame.coords, frame.cells, frame.atom_types, **parameters)
        for cls, file in ((JaxDeepEval, path), (NumpyDeepEval, folder / "model.dp"))
    )
    np.testing.assert_allclose(found["force"], expected["force"], atol=1e-12)


def test_archive_that_unfolds(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.hlo", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", bytes(100 * 2**20))
    with pytest.raises(ModelFileError, match=r"bomb\.hlo has .* bytes and would unfold to"):
        frozen.read_any(str(tmp_path / "bomb.hlo"))


def test_folder_of_another_program(tmp_path):
    with pytest.raises(ModelFileError, match="was not frozen by deepmd-jax"):
        frozen.read_any(str(tmp_path / "none.savedmodel"))


@NEEDS_TENSORFLOW
@pytest.mark.parametrize("part", ["saved_model.pb", "variables/variables.data-00000-of-00001", "metadata.json"])
def test_damaged_folder(folder, tmp_path, part):
    broken = shutil.copytree(folder / "model.savedmodel", tmp_path / "broken.savedmodel")
    content = bytearray((broken / part).read_bytes())
    content[len(content) // 2] ^= 1
    (broken / part).write_bytes(content)
    with pytest.raises(ModelFileError, match=r"broken\.savedmodel"):
        JaxDeepEval(str(broken))


@NEEDS_TENSORFLOW
def test_what_lies_beside_does_not_matter(folder, tmp_path):
    """Such as what file managers leave."""
    copied = shutil.copytree(folder / "model.savedmodel", tmp_path / "model.savedmodel")
    (copied / "notes.txt").write_text("hello", encoding="utf-8")
    assert frozen.read_any(str(copied))["model"]["type_map"] == ["O", "H"]


def test_without_tensorflow_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(BackendError, match=r"pip install deepmd-jax\[savedmodel\]") as caught:
        saved_model.write(str(tmp_path / "model.savedmodel"), random_document(PLAIN))
    assert "\n" not in str(caught.value)


@NEEDS_TENSORFLOW
def test_a_savedmodel_without_tensorflow_is_one_line(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(BackendError, match=r"pip install deepmd-jax\[savedmodel\]"):
        JaxDeepEval(str(folder / "model.savedmodel"))


def test_descriptor_of_a_frozen_file(folder):
    (coord, cell, atype), _ = frames_of(1)
    found, expected = (
        cls(str(folder / name)).eval_descriptor(coord, cell, atype)
        for cls, name in ((JaxDeepEval, "model.hlo"), (NumpyDeepEval, "model.dp"))
    )
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-12


def test_files_do_not_tell_who_froze_them(path):
    """Neither the folder of our sources nor that of JAX's."""
    files = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
    content = b"".join(each.read_bytes() for each in files)
    assert all(str(Path(module.__file__).parent).encode() not in content for module in (frozen, jax))
    assert jax.config.jax_hlo_source_file_canonicalization_regex is None


@pytest.fixture
def forged(folder, tmp_path):
    """What copies a folder, changes its graph and gives the record the right digest of that."""

    def make(change):
        copy = shutil.copytree(folder / "model.savedmodel", tmp_path / "copy.savedmodel")
        saved = saved_model._parsed((copy / "saved_model.pb").read_bytes())
        change(saved.meta_graphs[0])
        (copy / "saved_model.pb").write_bytes(saved.SerializeToString())
        parts = [(name, (copy / name).read_bytes()) for name in saved_model._names(str(copy))]
        (copy / "metadata.json").write_text(sealed((copy / "metadata.json").read_text(), parts))
        return str(copy)

    return make


@NEEDS_TENSORFLOW
def test_programs_of_a_folder_are_freed(folder):
    model = JaxDeepEval(str(folder / "model.savedmodel"))
    model._graph.programs._most = 1
    first, second = frames_of(1), frames_of(9)
    before = model.eval(*first[0], **first[1])
    session = weakref.ref(next(iter(model._graph.programs._programs.values())))
    model.eval(*second[0], **second[1])
    assert len(model._graph.programs) == 1
    gc.collect()
    assert session() is None
    np.testing.assert_array_equal(model.eval(*first[0], **first[1])["energy"], before["energy"])


@NEEDS_TENSORFLOW
@pytest.mark.parametrize("handed_on", [False, True])
def test_functions_that_call_themselves_are_refused(forged, handed_on):
    """In Python and in C++; also where one is called as what another one is given."""

    def change(meta):
        functions = meta.graph_def.library.function
        inner = next(each for each in functions if any(node.op == "XlaCallModule" for node in each.node_def))
        called = inner.node_def[0].attr["f"].func
        if handed_on:
            called.name, called = "another", called.attr["g"].func
        called.name = inner.signature.name

    path = forged(change)
    with pytest.raises(ModelFileError, match=r"copy\.savedmodel has functions that call themselves: "):
        JaxDeepEval(path)
    with pytest.raises(PluginError, match="it has functions that call themselves: "):
        plugin_of("deepmd-tf", "tf").open(Path(path))


@NEEDS_TENSORFLOW
def test_a_graph_that_does_not_run_is_one_line(forged):
    def change(meta):
        del meta.signature_def["serving_default"].outputs["energy"]

    frames, parameters = frames_of(1)
    with pytest.raises(ModelFileError, match=r"copy\.savedmodel: its graph fails \(KeyError: 'energy'\); ") as caught:
        JaxDeepEval(forged(change)).eval(*frames, **parameters)
    assert "\n" not in str(caught.value)


@NEEDS_TENSORFLOW
def test_a_graph_that_writes_files_is_refused(forged, tmp_path):
    import tensorflow as tf

    def change(meta):
        library = meta.graph_def.library.function
        assert not {"SaveV2", "MergeV2Checkpoints"} & {node.op for each in library for node in each.node_def}
        with tf.Graph().as_default() as graph:
            tf.io.write_file(str(tmp_path / "harm"), "harm")
        meta.graph_def.node.extend(graph.as_graph_def().node)

    with pytest.raises(
        ModelFileError, match=r"copy.savedmodel has operators that no model of ours needs: WriteFile\. "
    ):
        JaxDeepEval(forged(change))


@pytest.mark.parametrize("form", ["portable", "bytecode", "text"])
def test_a_program_that_calls_foreign_code_is_refused(folder, tmp_path, form):
    """XLA finds functions by their names, and takes programs in other forms than those that JAX writes."""
    like = jax.ShapeDtypeStruct((3,), np.float32)
    call = jax.jit(jax.ffi.ffi_call("memcpy", like))
    checks = [jax.export.DisabledSafetyCheck.custom_call("memcpy")]
    exported = jax.export.export(call, disabled_checks=checks, platforms=["cpu"])(like)
    if form != "portable":
        exported = replace(exported, mlir_module_serialized=_module(exported, form))
    copy = tmp_path / "copy.hlo"
    with zipfile.ZipFile(folder / "model.hlo") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["graph.stablehlo"] = bytes(exported.serialize())
    record = members.pop("metadata.json").decode()
    with zipfile.ZipFile(copy, "w") as archive:
        for name, content in {**members, "metadata.json": sealed(record, members.items()).encode()}.items():
            archive.writestr(name, content)
    model = JaxDeepEval(str(copy))
    with pytest.raises(ModelFileError, match=r"copy.hlo has operators that no model of ours needs: memcpy\. "):
        model.eval(*frames_of(1)[0], **frames_of(1)[1])


def _module(exported, form):
    """A program of StableHLO itself."""
    from jaxlib.mlir import ir

    with jax.interpreters.mlir.make_ir_context():
        module, content = ir.Module.parse(exported.mlir_module()), io.BytesIO()
        module.operation.write_bytecode(content)
    return content.getvalue() if form == "bytecode" else str(module).encode()
