# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frozen files: right for every size, with ghost atoms, and in what a program without our Python sees of them."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from deepmd.contract import write_document
from deepmd.errors import ModelFileError
from deepmd_dp.conformance.water import ATYPE, CELL, COORD, DESCRIPTORS, full_input, new_document_of
from deepmd_dp.dialect.module import leaves
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.model import deserialize_model
from deepmd_dp.numpy_backend.deep_eval import NumpyDeepEval
from deepmd_tf import frozen
from deepmd_tf.deep_eval import TensorFlowDeepEval
from deepmd_tf.graph import OUTPUTS, input_name


class Pair:
    """A frozen model and the same in NumPy."""

    def __init__(self, folder, config: dict) -> None:
        self.document = new_document_of(config)
        self.path = folder / "model.pb"
        frozen.write(str(self.path), self.document)
        write_document(folder / "model.dp", self.document)
        self.numpy = NumpyDeepEval(str(folder / "model.dp"))
        self.tensorflow = TensorFlowDeepEval(str(self.path))

    def compare(self, coord, cell, atype, **parameters) -> dict[str, np.ndarray]:
        """Evaluates both; the differences are below 1e-12."""
        results = self.tensorflow.eval(coord, cell, atype, atomic=True, **parameters)
        expected = self.numpy.eval(coord, cell, atype, atomic=True, **parameters)
        assert set(results) == set(expected) == set(OUTPUTS)
        for name, array in expected.items():
            assert results[name].dtype == np.float64
            assert results[name].shape == array.shape
            assert np.abs(results[name] - array).max(initial=0.0) < 1e-12, name
        return results


@pytest.fixture(scope="module", params=DESCRIPTORS)
def pair(request, tmp_path_factory):
    return Pair(tmp_path_factory.mktemp(request.param), full_input(request.param))


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
    assert np.all(results["force"] == 0.0)


def test_no_atoms(pair):
    """As on a rank of a parallel MD whose region is empty."""
    results = pair.compare(np.zeros((1, 0, 3)), CELL[None], np.zeros((1, 0), dtype=np.int64))
    assert np.all(results["energy"] == 0.0)


def test_without_atomic_quantities(pair):
    results = pair.tensorflow.eval(COORD[None], CELL[None], ATYPE[None])
    assert set(results) == {"energy", "force", "virial"}


def test_parameters_and_the_default_fparam(tmp_path):
    fitting = {"numb_fparam": 2, "numb_aparam": 1, "default_fparam": [0.3, -0.1]}
    pair = Pair(tmp_path, full_input(fitting=fitting))
    frames = (np.stack([COORD, COORD + 0.1]), np.stack([CELL, CELL]), np.stack([ATYPE, ATYPE]))
    aparam = np.linspace(0.0, 1.0, 12).reshape(2, 6, 1)
    default = pair.compare(*frames, aparam=aparam)
    stated = pair.compare(*frames, aparam=aparam, fparam=np.array([[0.3, -0.1]] * 2))
    other = pair.compare(*frames, aparam=aparam, fparam=np.array([[0.5, 0.5]] * 2))
    assert np.array_equal(default["force"], stated["force"])
    assert np.abs(default["force"] - other["force"]).max() > 1e-6


def run_graph(path, feeds: dict, fetches: list[str]) -> list[np.ndarray]:
    """In the way of TensorFlow 1, which is also that of C and C++."""
    graph = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    with tf.Graph().as_default():
        tf.graph_util.import_graph_def(graph, name="")
        with tf.compat.v1.Session() as session:
            return session.run([f"{name}:0" for name in fetches], {f"{name}:0": array for name, array in feeds.items()})


def test_ghost_atoms(pair):
    """The last two atoms as ghosts of themselves: their forces come out apart, and sum up to the local ones'."""
    model = deserialize_model(pair.document["model"])
    env = build_environment(model, COORD[None], None, ATYPE[None])
    nloc, ghosts = len(ATYPE), {4: 6, 5: 7}
    feeds = {input_name(leaf.path): leaf.array for leaf in leaves(env)}
    feeds["mapping"] = np.array([[*range(nloc), *ghosts]])
    for name in (name for name in feeds if name.startswith("nlist")):
        # the second molecule keeps its own atoms, all others see the ghosts
        seen = feeds[name]
        feeds[name] = np.where((seen >= 4) & (np.arange(nloc) < 3)[None, :, None], seen + 2, seen)
    force, virial, energy = run_graph(pair.path, feeds, ["o_force", "o_virial", "o_energy"])
    expected = pair.numpy.eval(COORD[None], None, ATYPE[None])
    assert force.shape == (1, nloc + 2, 3)
    assert np.abs(force[:, nloc:]).max() > 1e-6
    for local, ghost in ghosts.items():
        force[:, local] += force[:, ghost]
    assert np.abs(force[:, :nloc] - expected["force"]).max() < 1e-12
    assert np.abs(virial - expected["virial"]).max() < 1e-12
    assert np.abs(energy - expected["energy"]).max() < 1e-12


def test_metadata(pair):
    names = ["rcut", "type_map", "by_type", "list_widths", "dim_fparam", "dim_aparam", "default_fparam"]
    rcut, type_map, by_type, list_widths, *dims, default = run_graph(pair.path, {}, names)
    assert rcut == 4.0
    assert type_map.tolist() == [b"O", b"H"]
    assert by_type == (not deserialize_model(pair.document["model"]).descriptor.mixed_types)
    assert list_widths.size == default.size == 0
    assert dims == [0, 0]


def test_no_operator_of_ours_is_inside(pair):
    graph = frozen.read_graph(str(pair.path))
    assert not [node.name for node in graph.node if node.op.startswith("Deepmd")]


def test_every_size_is_open(pair):
    nodes = {node.name: node for node in frozen.read_graph(str(pair.path)).node}
    sizes = {
        name: [dim.size for dim in node.attr["shape"].shape.dim]
        for name, node in nodes.items()
        if node.op == "Placeholder"
    }
    assert sizes["atype"] == sizes["mapping"] == [-1, -1]
    assert sizes["edge_vec_0"] == [-1, -1, -1, 3]
    assert sizes["nlist_0"] == sizes["neighbor_type_0"] == [-1, -1, -1]
    assert sizes["centers_0"] == sizes["centers_1"] == sizes["restore"] == [-1]


def test_checkpoints_are_not_written_here(tmp_path):
    with pytest.raises(ModelFileError, match=r"\.meta is the ending of checkpoints"):
        frozen.write(str(tmp_path / "model.meta"), new_document_of(full_input()))


def test_graph_of_another_program(tmp_path):
    with tf.Graph().as_default() as graph:
        tf.constant(1.0, name="o_energy")
    (tmp_path / "other.pb").write_bytes(graph.as_graph_def().SerializeToString())
    with pytest.raises(ModelFileError, match="was not frozen by deepmd-tf"):
        TensorFlowDeepEval(str(tmp_path / "other.pb"))
