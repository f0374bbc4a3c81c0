# SPDX-License-Identifier: LGPL-3.0-or-later
"""The form of frozen files on the library's operators: it has the plain one's numbers, and needs nobody's attention."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from models import Pair, case

from deepmd.errors import ModelFileError
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.conformance.plugin_calls import PluginError
from deepmd_dp.conformance.plugins import graph_with_ghosts, plugin_of
from deepmd_dp.conformance.water import ATYPE, CELL, COORD
from deepmd_dp.kit.metadata import sealed
from deepmd_tf import frozen
from deepmd_tf.deep_eval import TensorFlowDeepEval
from deepmd_tf.graph import GraphDef
from deepmd_tf.wire_format import fields

NAMES = ["se_e2_a: plain", "se_e2_r: plain", "se_atten_v2: no attention, one side", "se_e2_a: dipole"]
NAMES += ["hybrid: three lists", "dpa2: three-body, strip", "se_e2_a: float32"]
FRAME = COORD[None], CELL[None], ATYPE[None]
STRANGER = """
import sys
import numpy as np, tensorflow as tf
graph = tf.compat.v1.GraphDef.FromString(open(sys.argv[1], "rb").read())
with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    tf.graph_util.import_graph_def(graph, name="")
    feeds = {f"{name}:0": array for name, array in np.load(sys.argv[2]).items()}
    np.savez(sys.argv[3], force=session.run("o_force:0", feeds))
assert not [name for name in sys.modules if name.startswith("deepmd")]
"""


@pytest.fixture(scope="module", params=NAMES)
def pair(request, tmp_path_factory):
    return Pair(tmp_path_factory.mktemp("pair"), request.param)


@pytest.fixture
def tolerance(pair):
    """Of a term's largest value."""
    return 1e-5 if "float32" in pair.name else 1e-13


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    return Pair(tmp_path_factory.mktemp("pair"), NAMES[0])


@pytest.fixture
def plugin():
    return plugin_of("deepmd-tf", "tf")


def assert_equal(results, expected, tolerance=1e-13):
    assert set(results) == set(expected)
    for name, array in expected.items():
        assert np.abs(results[name] - array).max() <= tolerance * np.abs(array).max(), name


def test_both_forms_agree_in_python(pair, tolerance, monkeypatch):
    assert pair.tensorflow._graph.scope == "operators/"
    monkeypatch.setenv("DP_PLAIN_OPS", "1")
    plain = TensorFlowDeepEval(str(pair.path))
    assert plain._graph.scope == ""
    assert_equal(pair.tensorflow.eval(*FRAME, atomic=True), plain.eval(*FRAME, atomic=True), tolerance)


def test_both_forms_agree_in_cpp(pair, tolerance, plugin, monkeypatch):
    arrays, _ = graph_with_ghosts(pair.tensorflow)
    with plugin.open(pair.path) as model:
        results = model.run(arrays)
    monkeypatch.setenv("DP_PLAIN_OPS", "1")
    with plugin.open(pair.path) as model:
        assert_equal(results, model.run(arrays), tolerance)


def test_the_second_form_is_the_one_that_runs_in_cpp(one, plugin, tmp_path, monkeypatch):
    """In a file whose second form gives another virial."""
    path, arrays = tmp_path / "model.pb", graph_with_ghosts(one.tensorflow)[0]
    second = GraphDef.FromString(frozen.read_frozen(str(one.path)).second)
    nodes = {node.name: node for node in second.node}
    nodes["operators/o_virial"].input[0] = nodes["operators/o_force"].input[0]
    write_with(path, one.path, second.SerializeToString())
    for form in ("force", "virial"):
        with plugin.open(path) as model:
            results = model.run(arrays)
        assert results["virial"].shape == results[form].shape
        monkeypatch.setenv("DP_PLAIN_OPS", "1")


def write_with(path, original, second):
    """The file with another second form, its record sealed again."""
    content, parts = original.read_bytes(), {}
    for each in fields(content):
        name = frozen._name(content, each) if each.number == 1 else None
        parts[name] = parts.get(name, b"") + content[each.start : each.end]
    text = GraphDef.FromString(parts.pop("metadata")).node[0].attr["value"].tensor.string_val[0]
    parts["deepmd_operators"] = frozen._constant("deepmd_operators", second)
    content = b"".join(parts.values())
    record = sealed(text.decode(), [("graph", content)])
    path.write_bytes(content + frozen._constant("metadata", record))


def test_damage_is_found(one, plugin, tmp_path):
    path, content = tmp_path / "model.pb", one.path.read_bytes()
    position = content.index(b"operators/o_force")
    path.write_bytes(content[:position] + b"x" + content[position + 1 :])
    with pytest.raises(ModelFileError, match="is damaged"):
        frozen.read_frozen(str(path))
    with pytest.raises(PluginError, match="is damaged"):
        plugin.open(path)


def test_tensorflow_alone_runs_the_file(one, tmp_path):
    arrays, _ = graph_with_ghosts(one.tensorflow)
    np.savez(tmp_path / "arrays.npz", **arrays)
    files = [str(one.path), str(tmp_path / "arrays.npz"), str(tmp_path / "results.npz")]
    done = subprocess.run([sys.executable, "-c", STRANGER, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with plugin_of("deepmd-tf", "tf").open(one.path) as model:
        assert_equal(np.load(files[2]), {"force": model.run(arrays)["force"]})


def test_there_is_none_where_no_operator_serves(one, tmp_path, monkeypatch):
    path = str(tmp_path / "model.pb")
    frozen.write(path, random_document(case("se_atten: two layers")))
    assert frozen.read_frozen(path).second == b""
    assert TensorFlowDeepEval(path)._graph.scope == ""
    monkeypatch.setenv("DP_PLAIN_OPS", "1")
    frozen.write(path, one.document)
    assert frozen.read_frozen(path).second == b""


def test_operators_are_in_the_second_form_alone(one):
    file = frozen.read_frozen(str(one.path))
    operations = [[node.op for node in GraphDef.FromString(form).node] for form in (file.plain, file.second)]
    assert [form.count("DeepmdMoments") > 0 for form in operations] == [False, True]
    assert "Placeholder" not in operations[1]


def test_a_machine_with_a_gpu_writes_the_same(one, tmp_path, monkeypatch):
    monkeypatch.setattr(frozen, "gpus", lambda: ["/device:GPU:0"])
    frozen.write(str(tmp_path / "model.pb"), one.document)
    assert (tmp_path / "model.pb").read_bytes() == one.path.read_bytes()
    assert TensorFlowDeepEval(str(tmp_path / "model.pb"))._graph.scope == ""
