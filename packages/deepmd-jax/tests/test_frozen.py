# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frozen files: right for every size, with ghosts, readable by their frameworks alone, clear where they are damaged."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import jax
import numpy as np
import pytest
from models import BY_NAME, PLAIN

from deepmd.contract import walk_arrays, write_document
from deepmd.errors import BackendError, ModelFileError
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.conformance.frames import FRAMES
from deepmd_dp.numpy_backend.deep_eval import NumpyDeepEval
from deepmd_jax import frozen, saved_model
from deepmd_jax.arrays import double_precision
from deepmd_jax.deep_eval import JaxDeepEval
from deepmd_jax.graph import inputs_of

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


@double_precision()
def raw_inputs(model: JaxDeepEval, nghosts: int) -> dict[str, np.ndarray]:
    """Inputs of the graph for two atoms; the second atom's neighbor is a ghost, where there are any."""
    (coord, cell, atype), parameters = frames_of(1)
    env = model.environment(coord, cell, atype)
    inputs = inputs_of(
        env, parameters["fparam"].repeat(len(env.atype), 0), np.zeros((*env.atype.shape, 1)), model._graph.metadata
    )
    if nghosts:
        mapping = inputs["mapping"]
        ghosts = np.tile(np.arange(nghosts), (len(mapping), 1))
        inputs["mapping"] = np.concatenate([mapping, ghosts], axis=1)
        nlist = inputs["nlist_0"]
        inputs["nlist_0"] = np.where((nlist >= 0) & (nlist < nghosts), nlist + mapping.shape[1], nlist)
    return inputs


def test_ghosts_take_the_forces_of_their_edges(path):
    model = JaxDeepEval(str(path))
    plain = {name: np.asarray(a) for name, a in model._graph(raw_inputs(model, 0), True).items()}
    found = {name: np.asarray(a) for name, a in model._graph(raw_inputs(model, 5), True).items()}
    nloc = plain["force"].shape[1]
    assert found["force"].shape[1] == nloc + 5
    assert np.abs(found["force"][:, nloc:]).max() > 1e-3
    for name in ("force", "atom_virial"):
        folded = found[name][:, :nloc].copy()
        folded[:, :5] += found[name][:, nloc:]
        assert np.abs(folded - plain[name]).max() < 1e-12
    assert np.abs(found["energy"] - plain["energy"]).max() < 1e-12


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
    assert {"edge_vec_0", "nlist_1", "centers_1", "atype", "restore", "mapping", "fparam", "aparam"} < set(
        out.stdout.split()
    )


def test_metadata(folder):
    with zipfile.ZipFile(folder / "model.hlo") as archive:
        metadata = json.loads(archive.read("metadata.json"))
    assert metadata == {
        "rcut": 4.0,
        "type_map": ["O", "H"],
        "by_type": True,
        "list_widths": [],
        "dim_fparam": 2,
        "dim_aparam": 1,
        "default_fparam": [],
    }


@NEEDS_TENSORFLOW
def test_metadata_of_both_kinds(folder):
    with zipfile.ZipFile(folder / "model.hlo") as archive:
        metadata = archive.read("metadata.json").decode()
    assert metadata == (folder / "model.savedmodel" / "metadata.json").read_text()


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


def test_damaged_graph(folder, tmp_path):
    with zipfile.ZipFile(folder / "model.hlo") as old, zipfile.ZipFile(tmp_path / "broken.hlo", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name)[100:] if name == "graph.stablehlo" else old.read(name))
    with pytest.raises(ModelFileError, match=rf"broken\.hlo: JAX {jax.__version__} does not read its graph"):
        JaxDeepEval(str(tmp_path / "broken.hlo"))


def test_archive_of_another_program(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.hlo", "w") as archive:
        archive.writestr("hello", "world")
    with pytest.raises(ModelFileError, match=r"other\.hlo was not frozen by deepmd-jax"):
        frozen.read_any(str(tmp_path / "other.hlo"))


def test_folder_of_another_program(tmp_path):
    with pytest.raises(ModelFileError, match="was not frozen by deepmd-jax"):
        frozen.read_any(str(tmp_path / "none.savedmodel"))


@NEEDS_TENSORFLOW
def test_damaged_folder(folder, tmp_path):
    broken = tmp_path / "broken.savedmodel"
    broken.mkdir()
    for name in ("deepmd_document.safetensors", "metadata.json"):
        (broken / name).write_bytes((folder / "model.savedmodel" / name).read_bytes())
    with pytest.raises(ModelFileError, match=r"broken\.savedmodel cannot be read as a SavedModel"):
        JaxDeepEval(str(broken))


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
