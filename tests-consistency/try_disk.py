# SPDX-License-Identifier: LGPL-3.0-or-later
"""Runs every command where the disk takes no more, or where something is not permitted, and prints what came of it.

::

    python tests-consistency/try_disk.py FOLDER [pt tf jax pd]

A command must end in one line of error with status 1, or do all its work, and leave all files that were there as they
were. Full disks are limits on the size of files; where `FOLDER` is on a small file system, such as a tmpfs, that is
filled up too.
Where this is run by root, commands are run without root's power to do what is not permitted.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends import BACKENDS, TRAINING

from deepmd.backend.discovery import get_backend
from deepmd.main import main
from deepmd_dp.conformance.cases import CASES
from deepmd_dp.conformance.permissions import obey_permissions
from deepmd_dp.conformance.workflow import input_of, write_system

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMITS = (0, 3000, 30_000)
"""Sizes of files at which the disk is full [bytes]."""
CHECKPOINT = ("checkpoint", "model.ckpt-2.*")
MEANT = {"train": ("data/set.000/coord.npy", *CHECKPOINT), "freeze": CHECKPOINT}
"""Patterns of what a command reads or writes beside the files that are named to it."""
OF_BACKENDS = ("train", "train --restart", "freeze", "convert-backend", "convert-backend .dp", "compress")
"""Commands in which a framework writes; the others are tried with the first backend."""
LARGEST_DISK = 1 << 28
"""Only disks smaller than that are filled up [bytes]."""


def commands_of(flag: str) -> dict[str, list[str]]:
    """Every command that writes or reads files, by its name; the outputs are there already where they can be."""
    model = f"frozen{BACKENDS[flag].suffixes[0]}"
    data = ["-s", "data"]
    return {
        "train": [f"--{flag}", "train", "input.json"],
        "train --restart": [f"--{flag}", "train", "longer.json", "--restart", "."],
        "freeze": [f"--{flag}", "freeze", "-o", "frozen"],
        "convert-backend": ["convert-backend", model, f"converted{Path(model).suffix}"],
        "convert-backend .dp": ["convert-backend", model, "converted.dp"],
        "compress": ["compress", "-i", model, "-o", "compressed.dp"],
        "test": ["test", "-m", model, *data, "-d", "detail"],
        "model-devi": ["model-devi", "-m", model, model, *data, "-o", "devi.out"],
        "eval-desc": ["eval-desc", "-m", model, *data, "-o", "desc"],
        "plot": ["plot", "lcurve.out"],
        "show": ["show", model, "--verify"],
        "neighbor-stat": ["neighbor-stat", *data, "-r", "4", "-t", "O", "H"],
        "check-data": ["check-data", "data", "input.json"],
    }


def prepare(folder: Path, flag: str) -> None:
    """A trained model and what all commands write."""
    folder.mkdir(parents=True)
    write_system(folder / "data")
    for name, steps in (("input", 2), ("longer", 4)):
        config = input_of("model", CASES[0])
        config["training"] |= {"numb_steps": steps, "disp_freq": 1, "save_freq": 2, "disp_file": "lcurve.out"}
        (folder / f"{name}.json").write_text(json.dumps(config), encoding="utf-8")
    for name, arguments in commands_of(flag).items():
        if name != "train --restart":
            assert run(arguments, folder) == (0, []), name


def run(arguments: list[str], folder: Path, before: Callable[[], None] = lambda: None) -> tuple[int, list[str]]:
    """`dp` in a fork of this process, after something has been done to it; gives the status and the lines of error."""
    ours, its = os.pipe()
    process = os.fork()
    if process == 0:
        _run_here([*arguments, "-v", "ERROR"], folder, before, its)
    os.close(its)
    with os.fdopen(ours, errors="replace") as lines:
        text = lines.read()
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), text.splitlines()


def _run_here(arguments: list[str], folder: Path, before: Callable[[], None], errors: int) -> None:
    """Ends this process as `dp` does."""
    status: Any = 1
    try:
        os.dup2(errors, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.chdir(folder)
        before()
        main(arguments)
        status = 0
    except SystemExit as end:
        status = end.code or 0
        if isinstance(status, str):
            print(status, file=sys.stderr)
            status = 1
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def faults(folder: Path, arguments: list[str]) -> Iterator[tuple[str, Callable[[list[str]], Any]]]:
    """Ways to run a command in which something fails."""
    for limit in LIMITS:
        yield (
            f"files of {limit} bytes",
            lambda arguments, limit=limit: run(
                arguments, folder, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            ),
        )
    disk = shutil.disk_usage(folder)
    if disk.total < LARGEST_DISK:
        for free in (0, 20_000):
            yield f"{free} bytes free", lambda arguments, free=free: _run_filled(arguments, folder, free)
    yield "a folder that is closed to writing", lambda arguments: _run_closed(arguments, folder, folder, 0o555)
    for name in (*(each for each in arguments if each != "."), *MEANT.get(arguments[1], ())):
        for path in sorted(folder.glob(name)):
            if not path.is_symlink() and path != folder:
                yield (
                    f"{name} that is closed",
                    lambda arguments, path=path: _run_closed(arguments, folder, path, 0),
                )


def _run_filled(arguments: list[str], folder: Path, free: int) -> tuple[int, list[str]]:
    filling = folder.parent / "filling"
    with open(filling, "wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    os.truncate(filling, max(0, filling.stat().st_size - free))
    try:
        return run(arguments, folder)
    finally:
        filling.unlink()


def _run_closed(arguments: list[str], folder: Path, path: Path, mode: int) -> tuple[int, list[str]]:
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        return run(arguments, folder, obey_permissions)
    finally:
        path.chmod(before)


def contents(folder: Path) -> dict[str, bytes]:
    """All files, but for what a training itself changes at its end."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def judge(result: tuple[int, list[str]], before: dict[str, bytes], folder: Path) -> str:
    """What came of a command: `done`, `refused`, or what is wrong."""
    status, lines = result
    if status == 0:
        return "done"
    if status != 1 or len(lines) != 1 or not lines[0].startswith("dp: error: "):
        return f"status {status}, {len(lines)} lines: {' / '.join(lines[-2:])[-300:]}"
    after = contents(folder)
    left = [path for path in after if "/.deepmd-" in path]
    kept = {*after.values()}  # a new training moves the files of one before
    changes = ("lcurve.out", "out.json", "checkpoint")
    lost = [path for path, content in before.items() if content not in kept and not path.endswith(changes)]
    return f"left {left}, changed {lost}" if left or lost else "refused"


def try_backend(flag: str, folder: Path, is_first: bool) -> bool:
    """Prints a row for each command; whether all is well."""
    backend = get_backend(flag)
    _ = backend.trainer, backend.deep_eval  # what they import is imported once
    prepare(folder / "before", flag)
    now, is_well = folder / "now", True
    for name, arguments in commands_of(flag).items():
        if name not in OF_BACKENDS and not is_first:
            continue
        counts = {"done": 0, "refused": 0}
        shutil.copytree(folder / "before", now, symlinks=True)
        for fault, run_with in list(faults(now, arguments)):
            shutil.rmtree(now)
            shutil.copytree(folder / "before", now, symlinks=True)
            before = contents(now)
            found = judge(run_with(arguments), before, now)
            counts[found] = counts.get(found, 0) + 1
            if found not in ("done", "refused"):
                is_well = False
                print(f"  {flag} {name}, {fault}: {found}", file=sys.stderr, flush=True)
        shutil.rmtree(now)
        others = sum(counts.values()) - counts["done"] - counts["refused"]
        print(f"| {flag} | {name} | {counts['refused']} | {counts['done']} | {others} |", flush=True)
    return is_well


if __name__ == "__main__":
    top, *flags = sys.argv[1:]
    os.environ["XDG_CACHE_HOME"] = str(Path(top, "cache").absolute())  # a full disk leaves halves of programs in JAX's
    flags = flags or TRAINING
    outcomes = [try_backend(flag, Path(top, flag).absolute(), flag == flags[0]) for flag in flags]
    sys.exit(not all(outcomes))
