# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checkpoints: plain content, nothing lost, and one clear line where the file is not one."""

from __future__ import annotations

import pickle
import zipfile
import zlib

import numpy as np
import pytest
import torch

from deepmd.contract import walk_arrays
from deepmd.contract.digest import hashed_members
from deepmd.errors import ModelFileError
from deepmd.train import TrainingState
from deepmd_dp.conformance.water import full_input, new_trainer, train
from deepmd_pt import checkpoint
from deepmd_pt.trainer import PyTorchTrainer


@pytest.fixture(scope="module")
def state():
    trainer = new_trainer(PyTorchTrainer, full_input())
    train(trainer, range(2))
    state = trainer.state()
    state.step = 2
    state.loop = {"data": {"seed": 3, "position": [1, 2]}, "average": None}
    return state


@pytest.fixture
def path(state, tmp_path):
    checkpoint.write(str(tmp_path / "model.ckpt-2.pt"), state)
    return tmp_path / "model.ckpt-2.pt"


def test_torch_reads_it_without_running_code(path):
    data = torch.load(path, weights_only=True)
    assert data["step"] == 2
    weight = data["model"]["model"]["fitting"]["nets"]["networks"][0]["layers"][0]["@variables"]["w"]
    assert weight.shape == (16, 6)
    assert weight.dtype == torch.float64


def test_nothing_is_lost(path, state):
    read = checkpoint.read(str(path))
    assert (read.step, read.loop) == (state.step, state.loop)
    assert read.model["model_def_script"] == state.model["model_def_script"]
    for given, found in (
        (walk_arrays(state.model), walk_arrays(read.model)),
        (state.optimizer.items(), read.optimizer.items()),
    ):
        given, found = dict(given), dict(found)
        assert list(found) == list(given)
        for name, array in given.items():
            assert found[name].dtype == array.dtype
            assert np.array_equal(found[name], array), name


def test_large_arrays_are_hashed_by_torch_alone(tmp_path, state):
    """Its own hashes make the digest that any program finds, which `read` checks."""
    path = str(tmp_path / "model.ckpt-2.pt")
    moments = {"small": np.arange(9.0), "large": np.arange(9000.0), "larger": np.arange(20_000.0)}
    checkpoint.write(path, TrainingState(state.model, moments))
    pieces = list(hashed_members(path))
    assert [length for _, length, _ in pieces] == [72_000, 160_000]
    for start, length, found in pieces:
        assert zlib.crc32((tmp_path / "model.ckpt-2.pt").read_bytes()[start : start + length]) == found
    assert np.array_equal(checkpoint.read(path).optimizer["larger"], moments["larger"])


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_truncated_file(path, keep):
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ModelFileError, match=r"model\.ckpt-2\.pt cannot be read"):
        checkpoint.read(str(path))


def test_changed_bytes(path):
    content = bytearray(path.read_bytes())
    content[:400] = bytes(400)
    path.write_bytes(bytes(content))
    with pytest.raises(ModelFileError, match="its contents are not what was written"):
        checkpoint.read(str(path))


def test_another_programs_checkpoint(tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"model": {"weight": torch.ones(3)}}, path)
    with pytest.raises(ModelFileError, match=r"was not written by deepmd-pt; a \.pt of deepmd-kit is carried over by"):
        checkpoint.read(str(path))


def test_code_in_a_file_is_not_run(tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"format": print}, path)
    with pytest.raises(ModelFileError, match="holds __builtin__ print; a checkpoint of ours holds tensors"):
        checkpoint.read(str(path))


def changed_archive(path, change):
    """The checkpoint with its pickle changed, and without a digest."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, change(member) if name.endswith("/data.pkl") else member)


def test_a_pickle_that_asks_for_memory(path):
    """torch's restricted reader makes the bytearray."""
    changed_archive(path, lambda _: pickle.PROTO + b"\2c__builtin__\nbytearray\n(J\0\0\0\x7ftR.")
    with pytest.raises(ModelFileError, match="holds __builtin__ bytearray"):
        checkpoint.read(str(path))


def test_a_pickle_that_stands_for_more_than_the_file(path):
    """Lists of ten references to the list before."""
    lists = []
    for _ in range(30):
        lists = [lists] * 10
    changed_archive(path, lambda _: pickle.dumps({"format": TrainingState.FORMAT, "model": lists}, protocol=2))
    with pytest.raises(ModelFileError, match="its parts stand for more values than the file has bytes"):
        checkpoint.read(str(path))


def test_a_tensor_that_has_fewer_numbers_than_places(tmp_path, state):
    tree = {"format": TrainingState.FORMAT, "model": {"model": {"@variables": {"w": torch.zeros(1).expand(2**28)}}}}
    torch.save({**tree, "optimizer": {}, "step": 0, "loop": {}}, tmp_path / "model.pt")
    with pytest.raises(ModelFileError, match="fewer numbers than places"):
        checkpoint.read(str(tmp_path / "model.pt"))


def test_an_archive_that_unfolds(path):
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = b""
        archive.writestr("archive/data/1000", bytes(100 * 2**20))
    with pytest.raises(ModelFileError, match="would unfold"):
        checkpoint.read(str(path))


def test_old_format_of_torch(tmp_path):
    """It says how many bytes of memory are to come, and nothing else limits them."""
    torch.save({"w": torch.ones(3)}, tmp_path / "model.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(ModelFileError, match="cannot be read as an archive"):
        checkpoint.read(str(tmp_path / "model.pt"))


def test_missing_file(tmp_path):
    with pytest.raises(ModelFileError, match=r"no-such\.pt"):
        checkpoint.read(str(tmp_path / "no-such.pt"))
