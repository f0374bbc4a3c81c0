# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frozen files: right for every size, with ghost atoms, in what they tell, and one clear line where they are none."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from models import Pair, case

from deepmd.contract import walk_arrays
from deepmd.errors import InputError, ModelFileError
from deepmd_dp.conformance.documents import full_input, random_document
from deepmd_dp.conformance.plugin_calls import PluginError
from deepmd_dp.conformance.plugins import plugin_of
from deepmd_dp.dialect.module import map_leaves
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.kit import kernels
from deepmd_dp.kit.metadata import sealed
from deepmd_dp.kit.signature import with_file_inputs
from deepmd_pd import arrays, frozen
from deepmd_pd.deep_eval import PaddleDeepEval
from deepmd_pd.framework import paddle

MOLECULE = np.array([[0.0, 0.0, 0.0], [0.8, 0.6, 0.0], [-0.8, 0.6, 0.0]])
COORD = np.concatenate([MOLECULE, MOLECULE[:, [1, 2, 0]] + 2.5])
ATYPE = np.array([0, 1, 1, 0, 1, 1])
CELL = 5.0 * np.eye(3) + 0.3 * np.eye(3, k=-1)


@pytest.fixture(scope="module", params=["se_e2_a: plain", "se_atten: strip, one side, no attention"])
def pair(request, tmp_path_factory):
    return Pair(tmp_path_factory.mktemp("pair"), request.param)


@pytest.mark.parametrize("repeats", [1, 3])
@pytest.mark.parametrize("nframes", [1, 3])
def test_every_size(pair, repeats, nframes):
    coord = np.concatenate([COORD + k * CELL[2] for k in range(repeats)])
    coord = coord + np.random.default_rng(repeats).uniform(-0.2, 0.2, (nframes, *coord.shape))
    cell = np.stack([CELL * np.array([[1], [1], [repeats]])] * nframes)
    pair.compare(coord, cell, np.tile(ATYPE, (nframes, repeats)))


def test_open_boundaries(pair):
    pair.compare(COORD[None], None, ATYPE[None])


def test_one_type_only(pair):
    pair.compare(COORD[None, [1, 2, 4]], CELL[None], np.array([[1, 1, 1]]))


def test_no_atom_sees_another(pair):
    results = pair.compare(10.0 * COORD[None], None, ATYPE[None])
    assert np.all(results["force"] == 0.0)


def test_no_atoms(pair):
    """As on a rank of a parallel MD whose region is empty."""
    results = pair.compare(np.zeros((1, 0, 3)), CELL[None], np.zeros((1, 0), dtype=np.int64))
    assert np.all(results["energy"] == 0.0)


def test_ghost_atoms(pair):
    """Neighbors that are images have forces of their own; folded back they are those without ghosts."""
    model, nloc = pair.paddle, len(ATYPE)
    env = with_file_inputs(
        build_environment(model._numpy_model, COORD[None], CELL[None], ATYPE[None]), model._numpy_model
    )
    expected = _run(model, env)
    lists = tuple(tuple(replace(each, nlist=_move_to_ghosts(each.nlist, nloc)) for each in row) for row in env.lists)
    ghosts = replace(env, lists=lists, mapping=np.tile(np.arange(nloc), 2)[None])
    for name, array in _run(model, ghosts).items():
        found = array.numpy()
        if name in ("force", "atom_virial"):
            assert np.abs(found[:, nloc:]).max() > 1e-4
            found = found[:, :nloc] + found[:, nloc:]
        assert np.abs(found - expected[name].numpy()).max() < 1e-13, name


def _run(model, env):
    tensors = map_leaves(env, lambda _, array: arrays.from_numpy(array))
    return model.compute(tensors, None, None, atomic=True, derivatives=True)


def _move_to_ghosts(nlist: np.ndarray, nloc: int) -> np.ndarray:
    moved = nlist.copy()
    moved[..., ::2] += nloc * (nlist[..., ::2] >= 0)
    return moved


def test_parameters_and_the_default_fparam(tmp_path):
    pair = Pair(tmp_path, "se_e2_a: default fparam")
    frames = (COORD[None], CELL[None], ATYPE[None])
    default = pair.compare(*frames)
    stated = pair.compare(*frames, fparam=np.array([[0.3]]))
    other = pair.compare(*frames, fparam=np.array([[0.5]]))
    assert np.array_equal(default["force"], stated["force"])
    assert np.abs(default["force"] - other["force"]).max() > 1e-6


def test_what_a_caller_must_know(pair):
    record = json.loads(json.loads(pair.path.read_text())["deepmd"]["metadata"])
    is_by_type = pair.numpy._numpy_model.lists[0].by_type
    assert record["model"]["type_map"] == ["O", "H"]
    assert (record["lists"][0]["rcut"], record["lists"][0]["by_type"]) == (4.0, is_by_type)
    names = [each["name"] for each in record["inputs"]]
    assert [name for name in names if name.endswith("edge_vec")] == ["lists_0_0_edge_vec", "lists_0_1_edge_vec"][
        : 1 + is_by_type
    ]
    assert ("centers_0" in names) == is_by_type
    assert [each["name"] for each in record["outputs"]] == ["energy", "atom_energy", "force", "virial", "atom_virial"]


def test_the_graph_takes_and_gives_what_the_record_says(pair):
    record = json.loads(json.loads(pair.path.read_text())["deepmd"]["metadata"])
    layer = paddle.jit.load(str(pair.path.with_suffix("")))
    assert [each.name for each in layer._input_spec()] == [each["name"] for each in record["inputs"]]
    assert len(layer._output_spec()) == len(record["outputs"]) + 1


def test_document_is_embedded_to_the_bit(pair):
    for path in (pair.path, pair.path.with_suffix(".pdiparams")):
        embedded = frozen.read_any(str(path))
        expected, found = dict(walk_arrays(pair.document)), dict(walk_arrays(embedded))
        assert embedded["model_def_script"] == pair.document["model_def_script"]
        assert set(found) == set(expected)
        assert all(np.array_equal(found[name], array) for name, array in expected.items())


def test_the_constants_are_a_name_of_the_whole(pair):
    other = PaddleDeepEval(str(pair.path.with_suffix(".pdiparams")))
    results = (model.eval(COORD[None], CELL[None], ATYPE[None])["energy"] for model in (other, pair.paddle))
    assert np.array_equal(*results)


def test_checkpoints_are_not_written_here(tmp_path):
    with pytest.raises(ModelFileError, match=r"\.pd is the ending of training checkpoints"):
        frozen.write(str(tmp_path / "model.pd"), random_document(case("se_e2_a: plain")))


@pytest.fixture
def copy(pair, tmp_path):
    for suffix in (".json", ".pdiparams"):
        shutil.copy(pair.path.with_suffix(suffix), tmp_path / f"copy{suffix}")
    return tmp_path / "copy.json"


def test_needed_parameters_are_asked_for(tmp_path):
    model = Pair(tmp_path, "se_e2_a: frame and atomic parameters").paddle
    with pytest.raises(InputError, match="the model needs fparam of 2 numbers; give it"):
        model.eval(COORD[None], CELL[None], ATYPE[None], aparam=np.zeros((1, len(ATYPE), 1)))


def test_missing_constants(copy):
    copy.with_suffix(".pdiparams").unlink()
    with pytest.raises(ModelFileError, match=r"copy\.json needs copy\.pdiparams beside it, which is not there"):
        PaddleDeepEval(str(copy))


@pytest.mark.parametrize("suffix", [".json", ".pdiparams"])
def test_damaged_file(copy, suffix):
    path = copy.with_suffix(suffix)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ModelFileError, match=rf"copy\{suffix} .*(damaged|not valid JSON)"):
        PaddleDeepEval(str(copy))


@pytest.mark.parametrize(("key", "old", "new"), [("document", "AA", "Ab"), ("operators", "0", "1")])
def test_changed_entry(copy, key, old, new):
    data = json.loads(copy.read_text())
    data["deepmd"][key] = new.join(data["deepmd"][key].rsplit(old, 1))
    _write_with(copy, data)
    with pytest.raises(ModelFileError, match=r"copy\.json .*damaged"):
        PaddleDeepEval(str(copy))


def test_changed_metadata(copy):
    data = json.loads(copy.read_text())
    data["deepmd"]["metadata"] = "{}"
    _write_with(copy, data)
    with pytest.raises(ModelFileError, match=r"copy\.json .*damaged"):
        PaddleDeepEval(str(copy))


def test_changed_program(copy):
    copy.write_text(copy.read_text().replace('"NCHW"', '"NHWC"'))
    with pytest.raises(ModelFileError, match=r"copy\.json .*damaged"):
        PaddleDeepEval(str(copy))


def _write_with(path, data: dict) -> None:
    """The same program with another entry."""
    head = path.read_text().rpartition(frozen._KEY)[0]
    path.write_text(f"{head}{frozen._KEY}{json.dumps(data['deepmd'])}}}")


def test_missing_file(tmp_path):
    with pytest.raises(ModelFileError, match=r"none\.json cannot be read: No such file"):
        PaddleDeepEval(str(tmp_path / "none.json"))


def test_the_input_of_a_training_is_no_model(tmp_path):
    path = tmp_path / "input.json"
    path.write_text(json.dumps(full_input(case("se_e2_a: plain"))))
    with pytest.raises(ModelFileError, match=r"input\.json holds no model: it is JSON, but no program of Paddle"):
        PaddleDeepEval(str(path))


def test_program_of_another_writer(copy):
    data = json.loads(copy.read_text())
    del data["deepmd"]
    copy.write_text(json.dumps(data))
    with pytest.raises(ModelFileError, match="was not frozen by deepmd-pd"):
        PaddleDeepEval(str(copy))


def test_a_program_that_writes_files_is_refused(copy, monkeypatch):
    """In Python and in C++, before it runs; a digest keeps nobody from writing one."""
    text, _, end = copy.read_text().partition(frozen._KEY)
    program, added = text.replace('"1.matmul"', '"1.save_combine"', 1) + "}", json.loads(end[:-1])
    parts = frozen._parts(program.encode(), copy.with_suffix(".pdiparams").read_bytes(), added)
    added["metadata"] = sealed(added["metadata"], parts)
    copy.write_text(f"{program[:-1]}{frozen._KEY}{json.dumps(added)}}}")
    monkeypatch.setenv(kernels.SWITCH, "1")
    with pytest.raises(ModelFileError, match=r"copy.json has operators that no model of ours needs: 1.save_combine\. "):
        PaddleDeepEval(str(copy))
    with pytest.raises(PluginError, match=r"copy\.json: it has the operator 1\.save_combine, which no model of ours"):
        plugin_of("deepmd-pd", "pd").open(copy)
