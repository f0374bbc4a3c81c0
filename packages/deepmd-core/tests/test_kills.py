# SPDX-License-Identifier: LGPL-3.0-or-later
"""A training is killed at each of its file operations: a whole checkpoint is there, and a restart ends as without."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import toy_backend
import toy_training
from toy_backend import ToyTrainer

from deepmd.backend import discovery
from deepmd.entrypoints.train import train
from deepmd.train.checkpoint import find_checkpoint

OPERATIONS = {"open", "shutil.rmtree", *(f"os.{name}" for name in "link mkdir remove rename rmdir symlink".split())}
"""Events of Python's audit, which come before the operation. Writing comes with `os.fsync`, which has none."""
FIRST, LAST = 4, 8


class PartsTrainer(ToyTrainer):
    """Its checkpoints are two files, each with the step."""

    @classmethod
    def write_checkpoint(cls, path, state):
        super().write_checkpoint(path, state)
        Path(path).with_suffix(".part").write_text(str(state.step))

    @classmethod
    def read_checkpoint(cls, path):
        state = super().read_checkpoint(path)
        assert Path(path).with_suffix(".part").read_text() == str(state.step)
        return state


class PartsBackend(toy_backend.ToyBackend):
    companion_suffixes = {".toy": (".part",)}  # noqa: RUF012

    @property
    def trainer(self):
        return PartsTrainer


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    toy_backend.install(monkeypatch)
    installed = {"toy": PartsBackend()}
    monkeypatch.setattr(discovery, "_load_all", lambda: (installed, {}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no power will be cut
    toy_training.prepare(tmp_path, numb_steps=LAST, disp_freq=1, save_freq=FIRST)
    return tmp_path


def killed_at(number, work):
    """Does work in a process that is killed before an operation, counted from 1; gives its status."""
    process = os.fork()
    if process == 0:
        _count_and_kill(number)
        try:
            work()
        finally:
            Path("operations").write_text(str(_count_and_kill.count - 1))
            os._exit(0)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


def _count_and_kill(number):
    def count(event, arguments):
        # reading changes nothing
        if event in OPERATIONS and not (event == "open" and arguments[1] in ("r", "rb", None)):
            _count_and_kill.count += 1
            if _count_and_kill.count == number:
                os.kill(os.getpid(), signal.SIGKILL)

    _count_and_kill.count = 0
    os.fsync = lambda _: count("os.rename", ())
    sys.addaudithook(count)


def go_on():
    """As a user's script: from the newest checkpoint, or from the start where there is none."""
    there = any(name.name.startswith("model.ckpt-") and name.suffix == ".toy" for name in Path().iterdir())
    train("input.json", restart="." if there else None)


def the_end():
    state = PartsTrainer.read_checkpoint(find_checkpoint("."))
    return state.step, state.model["model"]["@variables"]["w"], Path("lcurve.out").read_bytes()


@pytest.fixture
def whole(folder):
    """Each file operation of a piece of work as the last one; what is there before it is put back each time."""

    def kills(work, most=1000):
        before = folder.with_name(f"{folder.name}-before")
        shutil.copytree(folder, before, symlinks=True)
        assert killed_at(0, work) == 0
        count = min(most, int(Path("operations").read_text()))
        for number in range(1, count + 1):
            for path in folder.iterdir():
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            shutil.copytree(before, folder, symlinks=True, dirs_exist_ok=True)
            assert killed_at(number, work) == -signal.SIGKILL
            yield number

    return kills


def hidden():
    return [path.name for path in Path().iterdir() if path.name.startswith(".")]


def test_a_training_killed_at_each_file_operation(whole):
    expected, count = None, 0
    for count in whole(go_on):
        if Path("checkpoint").is_file():
            PartsTrainer.read_checkpoint(find_checkpoint("."))
        go_on()
        found = the_end()
        expected = expected or found
        assert found[0] == LAST and np.array_equal(found[1], expected[1]), count
        assert found[2] == expected[2], count
        assert not hidden(), count
    assert count > 100


def test_a_restart_that_writes_over_later_checkpoints(whole):
    train("input.json")
    _, w, curve = the_end()
    for number in whole(lambda: train("input.json", restart=f"model.ckpt-{FIRST}.toy")):
        assert PartsTrainer.read_checkpoint(find_checkpoint(".")).step in (FIRST, LAST)
        go_on()
        found = the_end()
        assert np.array_equal(found[1], w), number
        # the rows after the restart's step go when it begins
        assert found[2].splitlines()[: FIRST + 2] == curve.splitlines()[: FIRST + 2], number
        assert not hidden(), number


def test_a_new_training_in_the_folder_of_an_old_one(whole):
    train("input.json")
    old = {path.name: path.read_bytes() for path in Path().glob("*-*") if path.is_file()}
    for number in whole(lambda: train("input.json"), 70):
        kept = [path for folder in (".", "backup.1") for path in Path(folder).glob("*-*") if path.is_file()]
        assert {path.name for path in kept} >= set(old), number
        assert all(path.read_bytes() == old[path.name] for path in Path("backup.1").glob("*-*")), number
