# SPDX-License-Identifier: LGPL-3.0-or-later
"""Batch sizes, probabilities, and the order in which frames are drawn."""

from __future__ import annotations

import logging
from collections import Counter

import numpy as np
import pytest
from toy_data import NAMES, write_system

from deepmd.data import DataRequirement, TrainingData
from deepmd.data.batch_size import resolve_batch_sizes
from deepmd.data.probability import system_probabilities
from deepmd.data.sampler import BLOCK, Sampler
from deepmd.errors import DataError, InputError


@pytest.mark.parametrize(
    ("rule", "sizes", "kept"),
    [
        (3, [3, 3, 3], [0, 1, 2]),
        ([1, 2, 3], [1, 2, 3], [0, 1, 2]),
        ("auto", [11, 1, 1], [0, 1, 2]),
        ("auto:192", [64, 1, 1], [0, 1, 2]),
        ("auto:193", [65, 2, 1], [0, 1, 2]),
        ("max:193", [64, 1, 1], [0, 1, 2]),
        ("filter:193", [64, 1], [0, 1]),
        ("mixed:4", [4, 4, 4], [0, 1, 2]),
    ],
)
def test_batch_sizes(rule, sizes, kept):
    found = resolve_batch_sizes(rule, [3, 192, 200])
    assert (found.sizes, found.kept, found.mixed) == (sizes, kept, rule == "mixed:4")


@pytest.mark.parametrize("rule", ["automatic", "auto:", "max", "max:0", "filter:2", [1, 2], 0, [1, 0, 1]])
def test_wrong_batch_sizes(rule):
    with pytest.raises(InputError, match="batch_size"):
        resolve_batch_sizes(rule, [3, 192, 200])


@pytest.mark.parametrize(
    ("auto_prob", "sys_probs", "expected"),
    [
        ("prob_uniform", None, [1 / 3, 1 / 3, 1 / 3]),
        ("prob_sys_size", None, [0.1, 0.4, 0.5]),
        ("prob_sys_size;0:2:0.25;2:3:0.75", None, [0.05, 0.2, 0.75]),
        ("prob_sys_size;0:1:1;1:2:3", None, [0.25, 0.75, 0.0]),
        ("prob_uniform", [0.2, 0.3, 0.5], [0.2, 0.3, 0.5]),
        ("prob_uniform", [0.4, -1, -1], [0.4, 0.6 * 4 / 9, 0.6 * 5 / 9]),
    ],
)
def test_probabilities(auto_prob, sys_probs, expected):
    assert system_probabilities([10, 40, 50], auto_prob, sys_probs) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("auto_prob", "sys_probs"),
    [
        ("prob_size", None),
        ("prob_sys_size;0:4:1", None),
        ("prob_sys_size;0:2", None),
        ("prob_sys_size;0:2:-1", None),
        ("prob_sys_size;0:2:0", None),
        ("", [0.5, 0.5]),
        ("", [0.5, 0.6, -1]),
        ("", [0.5, 0.1, 0.1]),
    ],
)
def test_wrong_probabilities(auto_prob, sys_probs):
    with pytest.raises(InputError, match=r"auto_prob|sys_probs"):
        system_probabilities([10, 40, 50], auto_prob, sys_probs)


def test_each_epoch_of_a_system_is_another_permutation():
    sampler = Sampler(3, np.array([0.5, 0.5]), [7, 4], [2, 4])
    epochs: dict[int, list[int]] = {0: [], 1: []}
    for _ in range(200):
        system, frames = sampler.draw()
        epochs[system].extend(frames.tolist())
    for system, size in ((0, 7), (1, 4)):
        whole = [tuple(epochs[system][i : i + size]) for i in range(0, len(epochs[system]) - size + 1, size)]
        assert all(sorted(epoch) == list(range(size)) for epoch in whole)
        assert len(set(whole)) > 20


def test_systems_are_drawn_by_their_probabilities():
    sampler = Sampler(1, np.array([0.1, 0.0, 0.9]), [5, 5, 5], [1, 1, 1])
    counts = Counter(sampler.draw()[0] for _ in range(2 * BLOCK))
    assert counts[1] == 0
    assert counts[0] / (2 * BLOCK) == pytest.approx(0.1, abs=0.015)


@pytest.mark.parametrize("drawn", [0, 1, 37, BLOCK - 1, BLOCK, 2 * BLOCK + 5])
def test_a_restored_sampler_goes_on_as_the_first_one(drawn):
    def new(seed: int) -> Sampler:
        return Sampler(seed, np.array([0.3, 0.7]), [11, 13], [2, 3])

    first = new(5)
    for _ in range(drawn):
        first.draw()
    second = new(99)
    second.restore(first.state())
    for _ in range(50):
        (system, frames), (other_system, other_frames) = first.draw(), second.draw()
        assert system == other_system
        assert frames.tolist() == other_frames.tolist()


def test_seeds_differ():
    def draws(seed: int) -> list[list[int]]:
        sampler = Sampler(seed, np.array([1.0]), [20], [5])
        return [sampler.draw()[1].tolist() for _ in range(4)]

    assert draws(1) == draws(1) != draws(2)


@pytest.fixture
def folder(tmp_path):
    write_system(tmp_path / "a", [0, 1, 1], 10, seed=1)
    write_system(tmp_path / "b", [0, 1], 4, seed=2)
    return tmp_path


def open_data(folder, **section) -> TrainingData:
    return TrainingData({"systems": str(folder)} | section, NAMES, [DataRequirement("force", 3, atomic=True)], seed=4)


def test_batches_of_many_systems(folder):
    data = open_data(folder, batch_size=4)
    assert (len(data), data.nbatches) == (2, [3, 1])
    assert data.probabilities.tolist() == [0.75, 0.25]
    shapes = {data.draw().coord.shape for _ in range(50)}
    assert shapes == {(4, 3, 3), (2, 3, 3), (4, 2, 3)}
    table = data.summary("training")
    assert "2 system(s), 14 frames" in table
    assert str(folder / "b")[-30:] in table


def test_data_go_on_where_they_were(folder):
    first, second = open_data(folder, batch_size=3), open_data(folder, batch_size=3)
    for _ in range(17):
        first.draw()
    second.restore(first.state())
    for _ in range(10):
        one, other = first.draw(), second.draw()
        assert one.system == other.system
        assert np.array_equal(one.coord, other.coord)


def test_filter_leaves_systems_out(folder, caplog):
    with caplog.at_level(logging.WARNING):
        data = open_data(folder, batch_size="filter:2")
    assert [system.natoms for system in data.systems] == [2]
    assert "leaves out 1 systems" in caplog.text


def test_steps_of_epochs(folder):
    assert open_data(folder, batch_size=1).steps_of_epochs(2) == 28
    assert open_data(folder, batch_size=1, auto_prob="prob_uniform").steps_of_epochs(1.5) == 30


def test_statistics_stream_takes_each_frame_at_most_once(folder):
    data = open_data(folder, batch_size=3)
    stream = list(data.statistics_batches(2))
    assert [(batch.natoms, batch.nframes) for batch in stream] == [(3, 3), (3, 3), (2, 3), (2, 1)]
    assert len(set(np.concatenate([batch.frames for batch in stream[:2]]).tolist())) == 6
    data.draw()
    again = list(data.statistics_batches(2))
    assert [batch.frames.tolist() for batch in again] == [batch.frames.tolist() for batch in stream]


def test_mixed_batches_are_padded_with_virtual_atoms(folder):
    data = open_data(folder, batch_size="mixed:6")
    batch = data.draw()
    while {True, False} != set((batch.atype[:, 2] == -1).tolist()):
        batch = data.draw()
    short = batch.atype[:, 2] == -1
    assert batch.coord.shape == (6, 3, 3)
    assert batch.mixed_types
    assert np.all(batch.labels["force"][short, 2] == 0)
    assert np.all(batch.labels["force"][:, :2] != 0)
    sources = [data.systems[0 if number < 10 else 1] for number in batch.frames]
    for k, (number, system) in enumerate(zip(batch.frames, sources, strict=True)):
        single = system.read([number if number < 10 else number - 10])
        assert np.array_equal(batch.coord[k, : system.natoms], single.coord[0])
        assert f"{system.name} frame {single.frames[0]}" in batch.system
    assert data.describe(batch) == batch.system


def test_frames_of_a_batch_are_described(folder):
    batch = open_data(folder, batch_size=1).draw()
    assert open_data(folder).describe(batch) == f"system {batch.system}, frame(s) {batch.frames[0]}"


def test_mixed_batches_need_systems_of_a_kind(folder):
    write_system(folder / "c", [0], 3, force=None)
    with pytest.raises(DataError, match=r"only one of .* has force"):
        open_data(folder, batch_size="mixed:2")
    write_system(folder / "d", [0], 3, pbc=False)
    with pytest.raises(DataError, match="differ in periodicity"):
        open_data(folder, systems=[str(folder / "a"), str(folder / "d")], batch_size="mixed:2")


def test_check_finds_a_broken_number_before_training(folder):
    write_system(folder / "c", [0], 3, force=np.full((3, 3), np.nan))
    with pytest.raises(DataError, match=r"c/set\.000/force\.npy: frame 0 holds nan"):
        open_data(folder).check()


@pytest.mark.parametrize("sets", [1, 2])
def test_copies_of_frames(tmp_path, sets):
    """What numb_copy.npy counts: 5 frames of which an epoch takes 6."""
    copies = np.array([1, 0, 3, 1, 1])
    write_system(tmp_path / "a", nframes=5, sets=sets, numb_copy=copies)
    write_system(tmp_path / "b", nframes=5)
    data = TrainingData({"systems": str(tmp_path), "batch_size": 2}, NAMES, seed=3)
    assert data.nbatches == [3, 3]
    data = TrainingData({"systems": str(tmp_path / "a"), "batch_size": 4}, NAMES, seed=3)
    drawn = [data.draw().frames for _ in range(4)]
    assert [len(frames) for frames in drawn] == [4, 2, 4, 2]
    for epoch in (drawn[:2], drawn[2:]):
        assert np.array_equal(np.bincount(np.concatenate(epoch), minlength=5), copies)


@pytest.mark.parametrize(
    ("copies", "message"),
    [
        ([1.5, 1], "frame 0 has 1.5, expected 0, 1, 2, ..."),
        ([1, -1], "frame 1 has -1, expected"),
        ([0, 0], "0 for all frames; leave the system out"),
        ([1, 1, 1], "3 frames, but the coordinates"),
    ],
)
def test_numbers_of_copies_that_are_none(tmp_path, copies, message):
    write_system(tmp_path / "a", nframes=2, numb_copy=np.array(copies))
    with pytest.raises(DataError, match=message):
        TrainingData({"systems": str(tmp_path / "a"), "batch_size": 1}, NAMES)
