# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checkpoints: TensorFlow's own format, nothing lost, and one clear line where the file is not one."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from deepmd.contract import walk_arrays
from deepmd.errors import ModelFileError
from deepmd.train import TrainingState
from deepmd_dp.conformance.water import full_input, new_document_of
from deepmd_tf import checkpoint

WEIGHTS = "model.fitting.nets.networks.0.layers.0.w"
SUFFIXES = (".meta", ".index", ".data-00000-of-00001")


@pytest.fixture(scope="module")
def state():
    document = new_document_of(full_input())
    rng = np.random.default_rng(0)
    moments = {f"exp_avg/{path}": rng.normal(size=a.shape) for path, a in walk_arrays(document["model"])}
    moments["step/fitting.nets.networks.0.layers.0.w"] = np.array(2.0, dtype=np.float32)
    loop = {"data": {"seed": 3, "position": [1, 2]}, "average": None}
    return TrainingState(document, moments, step=2, loop=loop)


@pytest.fixture
def path(state, tmp_path):
    checkpoint.write(str(tmp_path / "model.ckpt-2.meta"), state)
    return tmp_path / "model.ckpt-2.meta"


def test_three_files(path):
    assert sorted(file.name for file in path.parent.iterdir()) == sorted(f"model.ckpt-2{s}" for s in SUFFIXES)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_is_lost_and_each_file_stands_for_the_whole(path, state, suffix):
    read = checkpoint.read(str(path.with_suffix(suffix)))
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


def test_tensorflow_reads_it(path, state):
    reader = tf.train.load_checkpoint(str(path.with_suffix("")))
    assert np.array_equal(reader.get_tensor(WEIGHTS), dict(walk_arrays(state.model))[WEIGHTS])
    assert reader.get_variable_to_shape_map()[f"exp_avg/{WEIGHTS.removeprefix('model.')}"] == [16, 6]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("keep", [0.0, 0.5])
def test_truncated_file(path, suffix, keep):
    file = path.with_suffix(suffix)
    content = file.read_bytes()
    file.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ModelFileError, match=r"model\.ckpt-2\.meta .*damaged"):
        checkpoint.read(str(path))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_missing_file(path, suffix):
    path.with_suffix(suffix).unlink()
    with pytest.raises(ModelFileError, match=r"model\.ckpt-2\.meta cannot be read as a checkpoint"):
        checkpoint.read(str(path))


def test_files_of_two_checkpoints(path, state):
    """As a kill could leave them: one of three is of another step, or has one bit changed."""
    other = path.with_name("model.ckpt-3.meta")
    weights = {name: array + 1.0 for name, array in state.optimizer.items()}
    checkpoint.write(str(other), TrainingState(state.model, weights, 3, state.loop))
    for suffix in SUFFIXES:
        whole = path.with_suffix(suffix).read_bytes()
        path.with_suffix(suffix).write_bytes(other.with_suffix(suffix).read_bytes())
        with pytest.raises(ModelFileError, match=r"model\.ckpt-2\.meta .*damaged"):
            checkpoint.read(str(path))
        path.with_suffix(suffix).write_bytes(whole)
    data = bytearray(path.with_suffix(SUFFIXES[2]).read_bytes())
    data[len(data) // 2] ^= 4
    path.with_suffix(SUFFIXES[2]).write_bytes(data)
    with pytest.raises(ModelFileError, match=r"model\.ckpt-2\.meta .*damaged"):
        checkpoint.read(str(path))


def test_links_of_which_some_lead_to_the_next_one_already(path, state):
    checkpoint.write(str(path.with_name("model.ckpt-3.meta")), TrainingState(state.model, {}, 3, {}))
    for suffix, step in zip(SUFFIXES, (2, 3, 3), strict=True):
        path.with_name(f"model.ckpt{suffix}").symlink_to(f"model.ckpt-{step}{suffix}")
    for suffix in SUFFIXES:
        assert checkpoint.read(str(path.with_name(f"model.ckpt{suffix}"))).step == 2


def test_another_programs_checkpoint(tmp_path):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variable = tf.compat.v1.Variable(tf.ones(3))
        session.run(variable.initializer)
        tf.compat.v1.train.Saver().save(session, str(tmp_path / "model.ckpt"), write_state=False)
    with pytest.raises(
        ModelFileError, match=r"was not written by deepmd-tf; a \.meta of deepmd-kit is carried over by `dp freeze`"
    ):
        checkpoint.read(str(tmp_path / "model.ckpt.meta"))
