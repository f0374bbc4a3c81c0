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
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends import BACKENDS, TRAINING

from deepmd_dp.conformance.cases import CASES
from deepmd_dp.conformance.permissions import obey_permissions
from deepmd_dp.conformance.workflow import input_of, write_system

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMITS = (0, 100, 3000, 30_000)
"""Sizes of files at which the disk is full [bytes]."""
CLOSED = ("input.json", "longer.json", "data", "data/set.000/coord.npy", "lcurve.out", "checkpoint", "frozen", "model")
"""Beginnings of files and folders that a command must do without."""
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
        "doc-train-input": ["doc-train-input"],
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
            result = run(arguments, folder)
            assert result.returncode == 0, f"{name}: {result.stderr}"


def run(arguments: list[str], folder: Path, before: Callable[[], None] | None = None) -> Any:
    """`dp` in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "deepmd", *arguments, "-v", "ERROR"]
    environment = os.environ | {"HOME": str(folder.parent / "home"), "XDG_CACHE_HOME": str(folder.parent / "home")}
    return subprocess.run(
        command, cwd=folder, env=environment, preexec_fn=before, capture_output=True, text=True, check=False
    )


def faults(folder: Path) -> Iterator[tuple[str, Callable[[list[str]], Any]]]:
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
    for name in CLOSED:
        for path in sorted(folder.glob(f"{name}*")):
            if not path.is_symlink():
                yield (
                    f"{path.name} that is closed",
                    lambda arguments, path=path: _run_closed(arguments, folder, path, 0),
                )


def _run_filled(arguments: list[str], folder: Path, free: int) -> Any:
    filling = folder.parent / "filling"
    with open(filling, "wb") as file:
        try:
            while True:
                file.write(bytes(4096))
                file.flush()
        except OSError:
            pass
    os.truncate(filling, max(0, filling.stat().st_size - free))
    try:
        return run(arguments, folder)
    finally:
        filling.unlink()


def _run_closed(arguments: list[str], folder: Path, path: Path, mode: int) -> Any:
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        return run(arguments, folder, obey_permissions)
    finally:
        path.chmod(before)


def contents(folder: Path) -> dict[str, bytes]:
    """All files, but for what a training itself changes at its end."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def judge(result: Any, before: dict[str, bytes], folder: Path) -> str:
    """What came of a command: `done`, `refused`, or what is wrong."""
    if result.returncode == 0:
        return "done"
    lines = result.stderr.splitlines()
    if result.returncode != 1 or len(lines) != 1 or not lines[0].startswith("dp: error: "):
        return f"status {result.returncode}, {len(lines)} lines: {' / '.join(lines[-2:])[-300:]}"
    after = contents(folder)
    left = [path for path in after if "/.deepmd-" in path]
    lost = [
        path for path in before if after.get(path) != before[path] and not path.endswith(("lcurve.out", "out.json"))
    ]
    return f"left {left}, changed {lost}" if left or lost else "refused"


def try_backend(flag: str, folder: Path) -> bool:
    """Prints a row for each command; whether all is well."""
    (folder / "home").mkdir(parents=True, exist_ok=True)
    prepare(folder / "before", flag)
    now, is_well = folder / "now", True
    for name, arguments in commands_of(flag).items():
        counts = {"done": 0, "refused": 0}
        shutil.copytree(folder / "before", now, symlinks=True)
        for fault, run_with in list(faults(now)):
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
    outcomes = [try_backend(flag, Path(top, flag).absolute()) for flag in flags or TRAINING]
    sys.exit(not all(outcomes))
