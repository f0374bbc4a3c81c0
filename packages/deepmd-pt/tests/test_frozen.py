# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frozen files: right for every size, whatever the process's settings, and in what C++ sees of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepmd.contract import walk_arrays, write_document
from deepmd.errors import ModelFileError
from deepmd_dp.conformance.water import ATYPE, CELL, COORD, DESCRIPTORS, full_input, new_document_of
from deepmd_dp.numpy_backend.deep_eval import NumpyDeepEval
from deepmd_pt import frozen
from deepmd_pt.deep_eval import PyTorchDeepEval

QUANTITIES = {"energy", "force", "virial", "atom_energy", "atom_virial"}


class Pair:
    """A frozen model and the same in NumPy."""

    def __init__(self, folder, config: dict) -> None:
        self.document = new_document_of(config)
        self.path = folder / "model.pth"
        frozen.write(str(self.path), self.document)
        write_document(folder / "model.dp", self.document)
        self.numpy = NumpyDeepEval(str(folder / "model.dp"))
        self.torch = PyTorchDeepEval(str(self.path))

    def compare(self, coord, cell, atype, **parameters) -> dict[str, np.ndarray]:
        """Evaluates both; the differences are below 1e-12."""
        results = self.torch.eval(coord, cell, atype, atomic=True, **parameters)
        expected = self.numpy.eval(coord, cell, atype, atomic=True, **parameters)
        assert set(results) == set(expected) == QUANTITIES
        for name, array in expected.items():
            assert results[name].dtype == np.float64
            assert results[name].shape == array.shape
            assert np.abs(results[name] - array).max(initial=0.0) < 1e-12, name
        return results


@pytest.fixture(scope="module", params=DESCRIPTORS)
def pair(request, tmp_path_factory):
    return Pair(tmp_path_factory.mktemp(request.param), full_input(request.param))


@pytest.mark.parametrize("repeats", [1, 2, 3])
@pytest.mark.parametrize("nframes", [1, 3])
def test_other_sizes_than_the_traced_ones(pair, repeats, nframes):
    coord = np.concatenate([COORD + k * CELL[2] for k in range(repeats)])
    coord = coord + np.random.default_rng(repeats).uniform(-0.2, 0.2, (nframes, *coord.shape))
    cell = np.stack([CELL * np.array([[1], [1], [repeats]])] * nframes)
    pair.compare(coord, cell, np.tile(ATYPE, (nframes, repeats)))


def test_open_boundaries(pair):
    pair.compare(COORD[None], None, ATYPE[None])


def test_small_cell(pair):
    """Each atom sees its own images."""
    pair.compare(COORD[None, :2], 3.0 * np.eye(3)[None], ATYPE[None, :2])


def test_one_type_only(pair):
    pair.compare(COORD[None, [1, 2, 4]], CELL[None], np.array([[1, 1, 1]]))


def test_single_atom(pair):
    results = pair.compare(np.zeros((1, 1, 3)), None, np.array([[1]]))
    assert np.all(results["force"] == 0.0)


def test_no_atom_sees_another(pair):
    results = pair.compare(10.0 * COORD[None], None, ATYPE[None])
    assert np.all(results["force"] == 0.0)
    assert np.all(results["virial"] == 0.0)


def test_virtual_atoms(pair):
    atype = np.array([[0, 1, 1, -1, -1, -1], [0, 1, -1, 0, 1, 1]])
    results = pair.compare(np.stack([COORD, COORD]), np.stack([CELL, CELL]), atype)
    assert np.all(results["atom_energy"][atype < 0] == 0.0)
    assert np.all(results["force"][atype < 0] == 0.0)


def test_no_atoms(pair):
    """As on a rank of a parallel MD whose region is empty."""
    results = pair.compare(np.zeros((1, 0, 3)), CELL[None], np.zeros((1, 0), dtype=np.int64))
    assert np.all(results["energy"] == 0.0)


def test_default_dtype_does_not_matter(pair):
    """In C++ it is float32 always."""
    expected = pair.torch.eval(COORD[None], CELL[None], ATYPE[None])
    torch.set_default_dtype(torch.float32)
    reloaded = PyTorchDeepEval(str(pair.path))
    try:
        torch.set_default_dtype(torch.float64)
        in_double = reloaded.eval(COORD[None], CELL[None], ATYPE[None])
    finally:
        torch.set_default_dtype(torch.float32)
    for name, array in expected.items():
        assert np.array_equal(in_double[name], array), name


def test_methods_for_c_plus_plus(pair):
    script = frozen.load(str(pair.path))
    assert script.get_rcut() == 4.0
    assert script.get_type_map() == ["O", "H"]
    assert script.get_is_by_type() == (not pair.numpy._numpy_model.descriptor.mixed_types)
    assert (script.get_dim_fparam(), script.get_dim_aparam()) == (0, 0)


def test_document_is_embedded_to_the_bit(pair):
    embedded = frozen.read_document(str(pair.path))
    assert embedded["model_def_script"] == pair.document["model_def_script"]
    expected = dict(walk_arrays(pair.document))
    found = dict(walk_arrays(embedded))
    assert set(found) == set(expected)
    assert all(np.array_equal(found[name], array) for name, array in expected.items())


def test_parameters_and_the_default_fparam(tmp_path):
    fitting = {"numb_fparam": 2, "numb_aparam": 1, "default_fparam": [0.3, -0.1]}
    pair = Pair(tmp_path, full_input(fitting=fitting))
    frames = (COORD[None], CELL[None], ATYPE[None])
    aparam = np.linspace(0.0, 1.0, 6).reshape(1, 6, 1)
    default = pair.compare(*frames, aparam=aparam)
    stated = pair.compare(*frames, aparam=aparam, fparam=np.array([[0.3, -0.1]]))
    other = pair.compare(*frames, aparam=aparam, fparam=np.array([[0.5, 0.5]]))
    assert np.array_equal(default["force"], stated["force"])
    assert np.abs(default["force"] - other["force"]).max() > 1e-6


def test_float32(tmp_path):
    config = full_input(fitting={"precision": "float32"})
    config["model"]["descriptor"]["precision"] = "float32"
    frozen.write(str(tmp_path / "model.pth"), new_document_of(config))
    write_document(tmp_path / "model.dp", new_document_of(config))
    expected = NumpyDeepEval(str(tmp_path / "model.dp")).eval(COORD[None], CELL[None], ATYPE[None])
    results = PyTorchDeepEval(str(tmp_path / "model.pth")).eval(COORD[None], CELL[None], ATYPE[None])
    assert np.abs(results["force"] - expected["force"]).max() < 1e-5
    assert np.abs(results["energy"] - expected["energy"]).max() < 1e-5


def test_checkpoints_are_not_written_here(tmp_path):
    with pytest.raises(ModelFileError, match=r"\.pt is the ending of training checkpoints"):
        frozen.write(str(tmp_path / "model.pt"), new_document_of(full_input()))


def test_damaged_file(pair, tmp_path):
    content = pair.path.read_bytes()
    broken = tmp_path / "broken.pth"
    broken.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelFileError, match=r"broken\.pth"):
        PyTorchDeepEval(str(broken))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # as deepmd-kit would write it
def test_torchscript_of_another_program(tmp_path):
    path = tmp_path / "other.pth"
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(path))
    with pytest.raises(ModelFileError, match="was not frozen by deepmd-pt"):
        PyTorchDeepEval(str(path))
