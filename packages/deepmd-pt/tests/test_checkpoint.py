# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checkpoints: plain content, nothing lost, and one clear line where the file is not one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepmd.contract import walk_arrays
from deepmd.errors import ModelFileError
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


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_truncated_file(path, keep):
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ModelFileError, match=r"model\.ckpt-2\.pt cannot be read as a checkpoint"):
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
    with pytest.raises(ModelFileError, match="is not a checkpoint of deepmd-core"):
        checkpoint.read(str(path))


def test_code_in_a_file_is_not_run(tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"format": print}, path)
    with pytest.raises(ModelFileError, match="cannot be read as a checkpoint"):
        checkpoint.read(str(path))


def test_missing_file(tmp_path):
    with pytest.raises(ModelFileError, match=r"no-such\.pt"):
        checkpoint.read(str(tmp_path / "no-such.pt"))
