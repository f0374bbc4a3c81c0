# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checkpoints in the safetensors format: nothing is lost, and what is wrong with a file is told."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd.contract import document_to_bytes, new_document, walk_arrays
from deepmd.errors import ModelFileError
from deepmd.train import TrainingState
from deepmd_dp.kit.state_file import read_state, write_state

TREE = {"@class": "Toy", "@version": 1, "@variables": {"w": np.arange(6.0).reshape(2, 3), "b": None}}


@pytest.fixture
def path(tmp_path):
    document = new_document(TREE, backend="Toy", model_def_script={"type_map": ["O"]})
    moments = {"exp_avg/w": np.ones((2, 3), np.float32), "step/w": np.array(7.0)}
    write_state(tmp_path / "model.ckpt", TrainingState(document, moments, 7, {"data": [1, 2.5], "best": None}))
    return tmp_path / "model.ckpt"


def test_nothing_is_lost(path):
    state = read_state(path)
    assert (state.step, state.loop) == (7, {"data": [1, 2.5], "best": None})
    assert state.model["model_def_script"] == {"type_map": ["O"]}
    assert np.array_equal(dict(walk_arrays(state.model["model"]))["w"], TREE["@variables"]["w"])
    assert {name: (array.shape, array.dtype.name) for name, array in state.optimizer.items()} == {
        "exp_avg/w": ((2, 3), "float32"),
        "step/w": ((), "float64"),
    }


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_truncated(path, keep):
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ModelFileError, match=r"the checkpoint .*model\.ckpt (is not in the safetensors format|is damaged)"):
        read_state(path)


def test_model_is_not_a_checkpoint(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(document_to_bytes(new_document(TREE, backend="Toy", model_def_script={})))
    with pytest.raises(ModelFileError, match="is not a checkpoint of deepmd-core"):
        read_state(path)


def test_missing(tmp_path):
    with pytest.raises(ModelFileError, match=r"no-such cannot be read as a checkpoint"):
        read_state(tmp_path / "no-such")
