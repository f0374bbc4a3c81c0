# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frozen files: right for every size, with ghost atoms, and in what a program without our Python sees of them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from models import Pair

from deepmd.errors import InputError, ModelFileError
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.conformance.plugin_calls import PluginError
from deepmd_dp.conformance.plugins import plugin_of
from deepmd_dp.conformance.water import ATYPE, CELL, COORD
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.kit import kernels, operators
from deepmd_dp.kit.metadata import sealed
from deepmd_dp.kit.signature import Signature, with_file_inputs
from deepmd_tf import frozen
from deepmd_tf.deep_eval import TensorFlowDeepEval
from deepmd_tf.frozen import read_frozen
from deepmd_tf.graph import GraphDef

NAMES = ["se_e2_a: plain", "se_atten: two layers", "hybrid: three lists", "se_e2_a: dipole", "dpa2: three-body, strip"]


@pytest.fixture(scope="module", params=NAMES)
def pair(request, tmp_path_factory):
    return Pair(tmp_path_factory.mktemp("pair"), request.param)


@pytest.mark.parametrize("repeats", [1, 3])
def test_sizes(pair, repeats):
    coord = np.concatenate([COORD + k * CELL[2] for k in range(repeats)])
    coord = coord + np.random.default_rng(repeats).uniform(-0.2, 0.2, (repeats, *coord.shape))
    cell = np.stack([CELL * np.array([[1], [1], [repeats]])] * repeats)
    pair.compare(coord, cell, np.tile(ATYPE, (repeats, repeats)))


def test_one_type_only(pair):
    pair.compare(COORD[None, [1, 2, 4]], CELL[None], np.array([[1, 1, 1]]))


def test_no_atom_sees_another(pair):
    results = pair.compare(10.0 * COORD[None], None, ATYPE[None])
    assert all(np.all(array == 0.0) for name, array in results.items() if name.endswith("force"))


def test_no_atoms(pair):
    """As on a rank of a parallel MD whose region is empty."""
    pair.compare(np.zeros((1, 0, 3)), CELL[None], np.zeros((1, 0), dtype=np.int64))


def test_only_what_is_asked_for(pair):
    results = pair.tensorflow.eval(COORD[None], CELL[None], ATYPE[None])
    assert set(results) == {name for name in pair.terms if not name.startswith("atom_")}
    values = pair.tensorflow.eval(COORD[None], CELL[None], ATYPE[None], derivatives=False)
    assert set(values) == {output.name for output in pair.numpy.outputs}


def run_graph(path, feeds: dict, fetches: list[str]) -> dict[str, np.ndarray]:
    """In the way of TensorFlow 1, which is also that of C and C++."""
    graph = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    with tf.Graph().as_default():
        tf.graph_util.import_graph_def(graph, name="")
        with tf.compat.v1.Session() as session:
            tensors = {name: f"{name}:0" for name in fetches}
            return session.run(tensors, {f"{name}:0": array for name, array in feeds.items()})


def inputs_of(pair, **changes) -> dict[str, np.ndarray]:
    env = build_environment(pair.model, COORD[None], CELL[None], ATYPE[None])
    return Signature.of(pair.model).pack(replace(with_file_inputs(env, pair.model), **changes))


def test_ghost_atoms(pair):
    """Every second neighbor as a ghost: their forces come out apart, and sum up to the local ones'."""
    nloc, feeds = len(ATYPE), inputs_of(pair, mapping=np.tile(np.arange(len(ATYPE)), 2)[None])
    for name in (name for name in feeds if name.endswith("nlist")):
        feeds[name] = feeds[name] + nloc * ((feeds[name] >= 0) & (np.arange(feeds[name].shape[2]) % 2))
    outputs = run_graph(pair.path, feeds, [f"o_{name}" for name in pair.terms])
    expected = pair.numpy.eval(COORD[None], CELL[None], ATYPE[None], atomic=True)
    for name, array in expected.items():
        found = outputs[f"o_{name}"]
        if name.endswith("force") or (name.startswith("atom_") and name.endswith("virial")):
            assert np.abs(found[..., nloc:, :]).max() > 1e-6
            found = found[..., :nloc, :] + found[..., nloc:, :]
        assert np.abs(found - array).max() < 1e-12, name


def test_outputs_of_owned_atoms_only(tmp_path):
    """On several ranks each atom counts on one of them: sums over the ranks are those of all atoms."""
    pair = Pair(tmp_path, "dpa2: plain")
    mine = (np.arange(len(ATYPE)) % 2)[None].astype(np.float64)
    names = ["o_energy", "o_atom_energy", "o_force", "o_virial", "o_atom_virial"]
    parts = [run_graph(pair.path, inputs_of(pair, owned=owned), names) for owned in (mine, 1.0 - mine)]
    expected = pair.numpy.eval(COORD[None], CELL[None], ATYPE[None], atomic=True)
    for name, array in expected.items():
        assert np.abs(parts[0][f"o_{name}"] + parts[1][f"o_{name}"] - array).max() < 1e-12
    assert np.all(parts[0]["o_atom_energy"][0, ::2] == 0.0)


def test_parameters(tmp_path):
    pair = Pair(tmp_path, "se_e2_a: frame and atomic parameters")
    frames, values = (COORD[None], CELL[None], ATYPE[None]), {"fparam": np.array([[0.3, -0.1]])}
    pair.compare(*frames, **values, aparam=np.linspace(0.0, 1.0, 6).reshape(1, 6, 1))
    with pytest.raises(InputError, match="needs aparam of 1 numbers"):
        pair.tensorflow.eval(*frames, **values)
    feeds = {name: array for name, array in inputs_of_given(pair).items() if name != "fparam"}
    with pytest.raises(tf.errors.InvalidArgumentError, match="fparam"):
        run_graph(pair.path, feeds, ["o_energy"])


def inputs_of_given(pair) -> dict[str, np.ndarray]:
    env = with_file_inputs(build_environment(pair.model, COORD[None], CELL[None], ATYPE[None]), pair.model)
    return Signature.of(pair.model).pack(env, np.zeros((1, 2)), np.zeros((1, len(ATYPE), 1)))


def test_the_default_fparam(tmp_path):
    pair = Pair(tmp_path, "se_e2_a: default fparam")
    frames = np.stack([COORD, COORD + 0.1]), np.stack([CELL, CELL]), np.stack([ATYPE, ATYPE])
    default = pair.compare(*frames)
    stated = pair.compare(*frames, fparam=np.array([[0.3]] * 2))
    other = pair.compare(*frames, fparam=np.array([[0.5]] * 2))
    assert np.array_equal(default["force"], stated["force"])
    assert np.abs(default["force"] - other["force"]).max() > 1e-6


def plain_nodes(path):
    return tf.compat.v1.GraphDef.FromString(read_frozen(str(path)).plain).node


def test_placeholders_and_outputs_are_those_of_the_record(pair):
    """Their names, types and sizes, of which all by a name are open."""
    record = json.loads(run_graph(pair.path, {}, ["metadata"])["metadata"])
    nodes = {node.name: node for node in plain_nodes(pair.path)}
    assert [each["name"] for each in record["inputs"]] == [
        name for name, node in nodes.items() if node.op == "Placeholder"
    ]
    for each in record["inputs"]:
        attributes = nodes[each["name"]].attr
        sizes = [axis if isinstance(axis, int) else -1 for axis in each["axes"]]
        assert [dim.size for dim in attributes["shape"].shape.dim] == sizes
        assert tf.as_dtype(attributes["dtype"].type).name == each["dtype"]
    assert {each["name"] for each in record["outputs"]} == pair.terms
    assert {f"o_{name}" for name in pair.terms} <= set(nodes)


def test_nothing_of_ours_is_inside(pair):
    operations = {node.op for node in plain_nodes(pair.path)}
    assert not [name for name in operations if name.lower().startswith("deepmd") or "PyFunc" in name]


def test_the_same_model_gives_the_same_bytes(pair, tmp_path):
    frozen.write(str(tmp_path / "again.pb"), pair.document)
    assert (tmp_path / "again.pb").read_bytes() == pair.path.read_bytes()


def test_checkpoints_are_not_written_here(pair, tmp_path):
    with pytest.raises(ModelFileError, match=r"\.meta is the ending of checkpoints"):
        frozen.write(str(tmp_path / "model.meta"), pair.document)


@pytest.mark.parametrize("name", ["se_e2_a: plain", "se_e2_a: relu and linear"])
def test_nets_are_matrices_where_they_can_be(name, tmp_path):
    """Then no activation function is evaluated for an edge, only those of the fitting net."""
    from models import case

    frozen.write(str(tmp_path / "model.pb"), random_document(case(name)))
    operations = [node.op for node in plain_nodes(tmp_path / "model.pb")]
    assert operations.count("Tanh") == (4 if name.endswith("plain") else 0)


def test_a_graph_that_writes_files_is_refused(tmp_path, monkeypatch):
    """In Python and in C++, before it runs; a digest keeps nobody from writing one."""
    path, harm = Pair(tmp_path, "se_e2_a: plain").path, tmp_path / "harm"
    graph = GraphDef.FromString(path.read_bytes())
    (record,) = (node.attr["value"].tensor.string_val[0].decode() for node in graph.node if node.name == "metadata")
    with tf.Graph().as_default() as added:
        tf.io.write_file(str(harm), "harm")
    body = GraphDef(node=[*(node for node in graph.node if node.name != "metadata"), *added.as_graph_def().node])
    next(node for node in body.node if node.name == "o_energy").input.append("^WriteFile")
    content = body.SerializeToString(deterministic=True)
    path.write_bytes(content + frozen._constant("metadata", sealed(record, [("graph", content)])))
    monkeypatch.setenv(kernels.SWITCH, "1")
    with pytest.raises(ModelFileError, match=r"has operators that no model of ours needs: WriteFile\. .*=1\.$"):
        TensorFlowDeepEval(str(path))
    with pytest.raises(PluginError, match="it has the operator WriteFile, which no model of ours needs"):
        plugin_of("deepmd-tf", "tf").open(path)
    assert not harm.exists()
    monkeypatch.setenv(operators.VARIABLE, "1")
    TensorFlowDeepEval(str(path)).eval(COORD[None], CELL[None], ATYPE[None])
    assert harm.read_text() == "harm"
