# SPDX-License-Identifier: LGPL-3.0-or-later
"""Commands are killed at each of their file operations: what was whole stays whole, and the next run mends the rest.

``python -m deepmd_dp.conformance.kills pt save FOLDER`` kills the writing of a checkpoint, in a new folder there. This
process only imports the framework: what uses it is done by forks of it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import traceback
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deepmd.backend.discovery import backend_of_file, get_backend
from deepmd.backend.model_files import read_state
from deepmd.contract import walk_arrays
from deepmd.contract.self_test import verify
from deepmd.entrypoints.compress import compress
from deepmd.entrypoints.convert_backend import convert
from deepmd.entrypoints.freeze import freeze
from deepmd.entrypoints.train import train
from deepmd.files.unfinished import PREFIX
from deepmd.train import TrainingState
from deepmd.train.checkpoint import CheckpointStore, find_checkpoint
from deepmd_dp.conformance.cases import CASES
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.conformance.workflow import input_of, write_system

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd.backend import Backend

OPERATIONS = {"open", "shutil.rmtree", *(f"os.{name}" for name in "link mkdir remove rename rmdir symlink".split())}
"""Events of Python's audit, which come before the operation. What frameworks write by themselves lies in a temporary
folder, between two of these."""
FIRST, LAST = 2, 4
"""Steps of the checkpoints."""


class Piece(NamedTuple):
    """A piece of work in the working directory, all of a backend.

    Attributes
    ----------
    prepare : callable
        Makes what is there before.
    work : callable
        What is killed, and then done again.
    check : callable
        What must hold after a kill, and, where the second argument is true, after the work has been done again.
    """

    prepare: Callable[[Backend], None]
    work: Callable[[Backend], None]
    check: Callable[[Backend, bool], None]


def kill_at_each(name: str, flag: str, folder: Path, most: int | None = None) -> tuple[int, int]:
    """Kills a piece of work at its file operations.

    Parameters
    ----------
    name : str
        One of `PIECES`.
    flag : str
        Of the backend.
    folder : Path
        A new folder.
    most : int, optional
        At how many of them, evenly spread; None: all.

    Returns
    -------
    tuple of int
        Kills, and operations that there are.
    """
    backend, piece = get_backend(flag), PIECES[name]
    _ = backend.trainer, backend.deep_eval  # what they import is imported once
    before, now = folder / "before", folder / "now"
    before.mkdir(parents=True)
    assert _forked(lambda: piece.prepare(backend), before) == 0, "preparing fails"
    shutil.copytree(before, now, symlinks=True)
    assert _forked(lambda: _count(folder / "count", lambda: piece.work(backend)), now) == 0, "the work fails"
    count = int((folder / "count").read_text(encoding="ascii"))
    numbers = np.unique(np.linspace(1, count, most or count).astype(int))
    for number in numbers:
        shutil.rmtree(now)
        shutil.copytree(before, now, symlinks=True)
        status = _forked(partial(_kill_at, int(number), partial(piece.work, backend)), now)
        assert status == -signal.SIGKILL, f"operation {number}: status {status}"
        assert _forked(lambda: _go_on(piece, backend), now) == 0, f"operation {number} of {count}"
    return len(numbers), count


def _forked(work: Callable[[], object], folder: Path) -> int:
    """Does work in a fork of this process; gives its status."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    try:
        os.chdir(folder)
        work()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def _go_on(piece: Piece, backend: Backend) -> None:
    piece.check(backend, False)
    piece.work(backend)
    piece.check(backend, True)
    assert not list(Path().glob(f"{PREFIX}*")), "something is left"


def _count(file: Path, work: Callable[[], None]) -> None:
    count = _kill_at(0, work)
    file.write_text(str(count), encoding="ascii")


def _kill_at(number: int, work: Callable[[], None]) -> int:
    """Does work in this process, which is killed before a file operation, counted from 1; gives how many there were."""
    count, folder, is_watching = 0, os.getcwd(), True

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        # reading changes nothing; descriptors have been counted when they were opened
        if not is_watching or event not in OPERATIONS or (event == "open" and arguments[1] in ("r", "rb", None)):
            return
        if isinstance(arguments[0], int) or not os.path.abspath(os.fsdecode(arguments[0])).startswith(folder):
            return
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    # has no event; no power will be cut
    os.fsync = lambda fd: watch("os.rename", (folder,))
    sys.addaudithook(watch)
    work()
    is_watching = False
    return count


def _store(backend: Backend) -> CheckpointStore:
    suffix = backend.checkpoint_suffix or ""
    return CheckpointStore("model.ckpt", suffix, 2, backend.companion_suffixes.get(suffix, ()))


def _save(backend: Backend, step: int) -> None:
    document = random_document(CASES[0])
    moments = {f"exp_avg/{name}": array + step for name, array in walk_arrays(document["model"])}
    _store(backend).write(backend.trainer, TrainingState(document, moments, step, {"data": {"seed": 1, "drawn": step}}))


def _check_checkpoint(backend: Backend, is_done: bool) -> None:
    del backend
    step = read_state(find_checkpoint(".")).step
    assert step == LAST or (step == FIRST and not is_done), step


def _train(backend: Backend, steps: int, restart: str | None = None) -> None:
    config = input_of("model", CASES[0])
    config["training"] |= {"numb_steps": steps, "disp_freq": 1, "save_freq": FIRST}
    Path("../input.json").write_text(json.dumps(config), encoding="utf-8")
    train("../input.json", backend=backend.flags[0], restart=restart)


def _trained(backend: Backend) -> None:
    write_system(Path("data"))
    _train(backend, FIRST)


def _trained_twice(backend: Backend) -> None:
    """The second part without a kill elsewhere, for its numbers."""
    _trained(backend)
    straight = shutil.copytree(".", "../straight", symlinks=True)
    here = os.getcwd()
    os.chdir(straight)
    _train(backend, LAST, restart=".")
    np.savez("../expected.npz", allow_pickle=False, **_numbers())
    os.chdir(here)


def _check_training(backend: Backend, is_done: bool) -> None:
    _check_checkpoint(backend, is_done)
    if is_done:
        found, expected = _numbers(), np.load("../expected.npz")
        assert found.keys() == set(expected.files)
        assert all(np.array_equal(found[key], expected[key]) for key in found)


def _numbers() -> dict[str, np.ndarray]:
    state = read_state(find_checkpoint("."))
    return {**dict(walk_arrays(state.model)), **state.optimizer}


def _freeze(backend: Backend) -> None:
    freeze(".", "frozen", backend.flags[0])


def _convert(backend: Backend) -> None:
    convert(f"frozen{backend.suffixes[0]}", f"converted{backend.suffixes[0]}")


def _compress(backend: Backend) -> None:
    compress(f"frozen{backend.suffixes[0]}", "compressed.dp")


def _writes(work: Callable[[Backend], None], target: str) -> Piece:
    """A model file is written over an older one."""

    def prepare(backend: Backend) -> None:
        _trained(backend)
        _freeze(backend)
        work(backend)

    def check(backend: Backend, is_done: bool) -> None:
        del is_done
        path = target if Path(target).suffix else f"{target}{backend.suffixes[0]}"
        reader = backend_of_file(path)
        document = reader.serialize_hook(path)
        with closing(reader.deep_eval(path)) as model:
            verify(model, document)

    return Piece(prepare, work, check)


PIECES = {
    "save": Piece(lambda backend: _save(backend, FIRST), lambda backend: _save(backend, LAST), _check_checkpoint),
    "train": Piece(_trained_twice, lambda backend: _train(backend, LAST, restart="."), _check_training),
    "freeze": _writes(_freeze, "frozen"),
    "convert": _writes(_convert, "converted"),
    "compress": _writes(_compress, "compressed.dp"),
}


if __name__ == "__main__":
    flag, name, folder, *most = sys.argv[1:]
    kills, count = kill_at_each(name, flag, Path(folder, f"{flag}-{name}").absolute(), *map(int, most))
    print(f"{flag} {name}: {kills} kills at {count} file operations, all well")
