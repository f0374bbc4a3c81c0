# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frozen files: right for every size, whatever the process's settings, and in what C++ sees of them."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import torch

from deepmd.contract import walk_arrays, write_document
from deepmd.errors import InputError, ModelFileError
from deepmd.outputs import all_terms
from deepmd_dp.conformance.plugin_calls import PluginError
from deepmd_dp.conformance.plugins import plugin_of
from deepmd_dp.conformance.water import ATYPE, CELL, COORD, DESCRIPTORS, full_input, new_document_of
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.kit.signature import Signature, with_file_inputs
from deepmd_dp.model import deserialize_model
from deepmd_dp.numpy_backend.deep_eval import NumpyDeepEval
from deepmd_pt import archive, frozen
from deepmd_pt.deep_eval import PyTorchDeepEval


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
        assert set(results) == set(expected) == {term.name for term in all_terms(self.numpy.outputs)}
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


def test_metadata_for_c_plus_plus(pair):
    """A method of the script gives what stands beside it in the file."""
    text = script_of(pair.path).get_metadata()
    record = json.loads(text)
    assert text == archive.members_of(pair.path.read_bytes())[f"extra/{archive.METADATA}"].decode()
    assert record["model"]["type_map"] == ["O", "H"]
    assert record["lists"][0]["rcut"] == 4.0


def script_of(path) -> torch.jit.ScriptModule:
    return frozen.load(archive.members_of(path.read_bytes()), str(path))


def inputs_of(document: dict) -> tuple[Signature, dict[str, torch.Tensor]]:
    """What a file of the model takes, without parameters, for the two molecules."""
    model = deserialize_model(document["model"])
    env = with_file_inputs(build_environment(model, COORD[None], CELL[None], ATYPE[None]), model)
    signature = Signature.of(model)
    return signature, {name: torch.from_numpy(array) for name, array in signature.pack(env).items()}


def test_called_as_c_plus_plus_does(pair):
    """By the names that the metadata give, with atomic virials or without, with forces or without."""
    signature, inputs = inputs_of(pair.document)
    script = script_of(pair.path)
    assert list(inputs) == [each["name"] for each in json.loads(script.get_metadata())["inputs"]]
    expected = pair.torch.eval(COORD[None], CELL[None], ATYPE[None], atomic=True)
    kinds = {term.name: term.kind for term in signature.outputs}
    for given, left_out in (((inputs, True), ()), ((inputs,), {"atom_virial"}), ((inputs, False, False), DERIVED)):
        results = script(*given)
        assert set(results) == {name for name, kind in kinds.items() if kind not in left_out}
        for name, array in results.items():
            assert not array.requires_grad
            assert np.abs(array.numpy() - expected[name]).max() < 1e-14


DERIVED = {"force", "virial", "atom_virial"}


def test_input_that_is_missing(pair):
    _, inputs = inputs_of(pair.document)
    del inputs["mapping"]
    with pytest.raises(torch.jit.Error, match="the model needs the input mapping"):
        script_of(pair.path)(inputs)


def test_no_device_is_baked_in(pair):
    """A graph traced on the CPU runs on a GPU: no operation names a device."""
    members = archive.members_of(pair.path.read_bytes())
    code = "".join(content.decode() for name, content in members.items() if name.endswith(".py"))
    assert "torch.tanh" in code
    assert "torch.device" not in code


def test_document_is_embedded_to_the_bit(pair):
    embedded = frozen.read_any(str(pair.path))
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


@pytest.mark.parametrize("name", ["fparam", "aparam"])
def test_parameters_that_are_missing(name, tmp_path):
    """No file computes with zeros instead."""
    pair = Pair(tmp_path, full_input(fitting={f"numb_{name}": 2}))
    with pytest.raises(InputError, match=f"the model needs {name} of 2 numbers"):
        pair.torch.eval(COORD[None], CELL[None], ATYPE[None])
    inputs = inputs_of(new_document_of(full_input()))[1]
    with pytest.raises(torch.jit.Error, match=f"the model needs {name} of 2 numbers"):
        script_of(pair.path)(inputs)


def test_default_fparam_in_the_file_itself(tmp_path):
    pair = Pair(tmp_path, full_input(fitting={"numb_fparam": 2, "default_fparam": [0.3, -0.1]}))
    inputs = inputs_of(pair.document)[1]
    stated = script_of(pair.path)(inputs)
    del inputs["fparam"]
    assert torch.equal(script_of(pair.path)(inputs)["force"], stated["force"])


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


@pytest.mark.parametrize("part", ["constants.pkl", ".py", f"extra/{archive.DOCUMENT}"])
def test_changed_part(pair, tmp_path, part):
    """Another model's tensors, graph or document, in an archive that is whole."""
    path, changed = tmp_path / "changed.pth", []
    with zipfile.ZipFile(pair.path) as source, zipfile.ZipFile(path, "w") as target:
        for info in source.infolist():
            changed += [info.filename] if info.filename.endswith(part) else []
            target.writestr(info, source.read(info) + (b"\n" if info.filename in changed else b""))
    assert changed
    with pytest.raises(ModelFileError, match=r"changed\.pth is damaged: its contents are not what was written"):
        PyTorchDeepEval(str(path))


def test_torch_does_not_see_a_damaged_file(pair, tmp_path, monkeypatch):
    content = bytearray(pair.path.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "flipped.pth").write_bytes(content)
    monkeypatch.setattr(torch.jit, "load", None)
    with pytest.raises(ModelFileError, match=r"flipped\.pth"):
        PyTorchDeepEval(str(tmp_path / "flipped.pth"))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # as deepmd-kit would write it
def test_torchscript_of_another_program(tmp_path):
    path = tmp_path / "other.pth"
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(path))
    with pytest.raises(ModelFileError, match="was not frozen by deepmd-pt"):
        PyTorchDeepEval(str(path))


HARM = {
    "from_file": '  def collect(self: Tensor) -> Tensor:\n    return torch.from_file("x", False, 1)\n',
    "torch.save": '  def collect(self: Tensor, x: int=torch.save(1, "x")) -> Tensor:\n    return self\n',
    "save": '  def collect(self: Tensor) -> Tensor:\n    return (self).save("x")\n',
    "no name": '  def collect(self: Tensor) -> Tensor:\n    return (torch.save)(self, "x")\n',
    "__setstate__": "  def __setstate__(self: Tensor, state: int) -> int:\n    return 1\n",
    "torch.classes": "  other : __torch__.torch.classes.aoti.Loader\n",
}
"""What a script could have torch do, some of it while it is read."""


@pytest.mark.parametrize("name", HARM)
def test_a_script_that_reads_or_writes_files_is_refused(tmp_path, name):
    """In Python and in C++, before torch reads it."""
    path = Pair(tmp_path, full_input("se_e2_a")).path
    members = archive.members_of(path.read_bytes())
    source = next(each for each in members if each.startswith("code/__torch__/deepmd_pt/"))
    members = {each: content for each, content in members.items() if not each.startswith("extra/operators/")}
    members[source] += HARM[name].encode()
    path.write_bytes(archive.finish(archive.packed(members)))
    with pytest.raises(ModelFileError, match="has operators that no model of ours needs: "):
        PyTorchDeepEval(str(path))
    with pytest.raises(PluginError, match=rf"it has the operator .*{name}, which no model of ours needs"):
        plugin_of("deepmd-pt", "pt").open(path)
