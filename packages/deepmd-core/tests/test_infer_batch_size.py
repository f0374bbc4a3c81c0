# SPDX-License-Identifier: LGPL-3.0-or-later
"""Evaluation in parts that fit into the memory."""

from __future__ import annotations

import numpy as np
import pytest
from morse import MorseEval, install, make_frames, write_model

from deepmd.errors import InputError, ModelFileError, OutOfMemoryError
from deepmd.infer import DeepPot
from deepmd.infer.batch_size import DEFAULT_NATOMS, AutoBatchSize, is_out_of_memory

COORD, CELL, ATYPE = make_frames(nframes=11)
NATOMS = len(ATYPE)


@pytest.fixture
def file(monkeypatch, tmp_path):
    install(monkeypatch)
    monkeypatch.delenv("DP_INFER_BATCH_SIZE", raising=False)
    return write_model(tmp_path / "water.morse")


@pytest.mark.parametrize("atomic", [False, True])
@pytest.mark.parametrize("natoms", [1, NATOMS, 5 * NATOMS, 1000 * NATOMS])
def test_results_do_not_depend_on_the_batch_size(file, natoms, atomic):
    expected = DeepPot(file, auto_batch_size=False).eval(COORD, CELL, ATYPE, atomic=atomic)
    results = DeepPot(file, auto_batch_size=natoms).eval(COORD, CELL, ATYPE, atomic=atomic)
    for result, wanted in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, wanted)


def test_each_frame_keeps_its_own_types_and_parameters(file, tmp_path):
    model = write_model(tmp_path / "parameters.morse", dim_fparam=1, dim_aparam=1)
    rng = np.random.default_rng(3)
    atype = rng.integers(0, 2, (11, NATOMS))
    parameters = {"fparam": rng.random((11, 1)), "aparam": rng.random((11, NATOMS, 1))}
    arguments = {"cells": None, "atom_types": atype, "mixed_type": True, **parameters}
    expected = DeepPot(model, auto_batch_size=False).eval(COORD, **arguments)
    results = DeepPot(model, auto_batch_size=2 * NATOMS).eval(COORD, **arguments)
    for result, wanted in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, wanted)


def test_parts_of_the_size_given(file):
    dp = DeepPot(file, auto_batch_size=4 * NATOMS + 1)
    dp.eval(COORD, CELL, ATYPE)
    assert dp.backend.calls == [4, 4, 3]


def test_descriptors_take_the_same_path(file):
    dp = DeepPot(file, auto_batch_size=4 * NATOMS)
    descriptor = dp.eval_descriptor(COORD, CELL, ATYPE)
    assert dp.backend.calls == [4, 4, 3]
    np.testing.assert_array_equal(descriptor[-1:], dp.eval_descriptor(COORD[-1:], CELL[-1:], ATYPE))


def test_default_and_environment(file, monkeypatch):
    assert AutoBatchSize.of(True).natoms == DEFAULT_NATOMS
    monkeypatch.setenv("DP_INFER_BATCH_SIZE", str(2 * NATOMS))
    dp = DeepPot(file)
    dp._batch_size.may_grow = True
    dp.eval(COORD, CELL, ATYPE)
    assert dp.backend.calls == [2, 2, 2, 2, 2, 1]


@pytest.mark.parametrize("text", ["many", "-3"])
def test_wrong_environment(file, monkeypatch, text):
    monkeypatch.setenv("DP_INFER_BATCH_SIZE", text)
    with pytest.raises(InputError, match=f"DP_INFER_BATCH_SIZE is '{text}'"):
        DeepPot(file)


def test_wrong_number(file):
    with pytest.raises(InputError, match="auto_batch_size is -5"):
        DeepPot(file, auto_batch_size=-5)


def test_halves_when_memory_runs_out(file, monkeypatch):
    expected = DeepPot(file).eval(COORD, CELL, ATYPE)
    monkeypatch.setattr(MorseEval, "memory", 3 * NATOMS)
    dp = DeepPot(file, auto_batch_size=10 * NATOMS)
    results = dp.eval(COORD, CELL, ATYPE)
    assert dp.backend.calls == [2, 2, 2, 2, 2, 1]
    for result, wanted in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, wanted)


def test_grows_until_memory_runs_out_where_the_backend_says_so(file, monkeypatch):
    monkeypatch.setattr(MorseEval, "memory", 5 * NATOMS)
    dp = DeepPot(file, auto_batch_size=NATOMS)
    dp.backend.options["auto_batch_size"].may_grow = True
    dp.eval(COORD, CELL, ATYPE)
    assert dp.backend.calls == [1, 2, 4, 4]
    dp.eval(COORD, CELL, ATYPE)
    assert dp.backend.calls[4:] == [4, 4, 3]


def test_a_backend_says_best_what_is_missing(file, monkeypatch):
    """Its own line on memory is not replaced, once there are no fewer frames to try."""
    sizes = []

    def refuse(self, coords, *args, **kwargs):
        sizes.append(len(coords))
        raise OutOfMemoryError(f"not enough memory: {len(coords)} frame(s) need 9 GB.")

    monkeypatch.setattr(MorseEval, "eval", refuse)
    with pytest.raises(OutOfMemoryError, match=r"^not enough memory: 1 frame\(s\) need 9 GB\.$"):
        DeepPot(file, auto_batch_size=4 * NATOMS).eval(COORD, CELL, ATYPE)
    assert sizes == [4, 2, 1]


def test_a_frame_too_large_is_named(file, monkeypatch):
    monkeypatch.setattr(MorseEval, "memory", NATOMS - 1)
    with pytest.raises(OutOfMemoryError, match="single frame of 12 atoms"):
        DeepPot(file).eval(COORD, CELL, ATYPE)


def test_other_errors_pass(file, monkeypatch):
    def fail(self, coords):
        raise RuntimeError("division by zero")

    monkeypatch.setattr(MorseEval, "_take", fail)
    with pytest.raises(RuntimeError, match="division by zero"):
        DeepPot(file).eval(COORD, CELL, ATYPE)


def test_a_backend_may_add_its_own_test(file, monkeypatch):
    monkeypatch.setattr(MorseEval, "memory", 4 * NATOMS)
    monkeypatch.setattr(MorseEval, "_take", _complain_in_own_words)
    dp = DeepPot(file, auto_batch_size=8 * NATOMS)
    dp.backend.options["auto_batch_size"].tests.append(lambda error: "no room" in str(error))
    dp.eval(COORD, CELL, ATYPE)
    assert dp.backend.calls == [4, 4, 3]


def _complain_in_own_words(self, coords):
    if coords.shape[0] * coords.shape[1] > self.memory:
        raise ValueError("no room")
    self.calls.append(len(coords))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("RESOURCE_EXHAUSTED: Failed to allocate"), True),
        (OutOfMemoryError("not enough memory: 1 frame needs 9 GB"), True),
        (RuntimeError("OOM when allocating tensor with shape[9] and type double on CPU"), True),
        (RuntimeError("RESOURCE_EXHAUSTED: /data; No space left on device"), False),
        (RuntimeError("RESOURCE_EXHAUSTED: /data; Too many open files"), False),
        (ModelFileError("out of memory.pth is damaged"), False),
        (RuntimeError("shape mismatch"), False),
    ],
)
def test_complaints_about_memory(error, expected):
    assert is_out_of_memory(error) is expected
    wrapped = RuntimeError("the model failed")
    wrapped.__cause__ = error
    assert is_out_of_memory(wrapped) is expected
    # an error that was met on the way and mended is not its cause
    wrapped.__cause__, wrapped.__context__, wrapped.__suppress_context__ = None, error, True
    assert not is_out_of_memory(wrapped)
