# SPDX-License-Identifier: LGPL-3.0-or-later
"""The blocks of commands in a document, and how they are run.

A block of `bash`, `sh` or `python` is run by a test, or the line above says why not: ``<!-- not run: it installs -->``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

PAGES_RUN = {
    "README.md",
    "docs/coming-from-deepmd-kit.md",
    "docs/cpp.md",
    "docs/data.md",
    "docs/files.md",
    "docs/inference.md",
    "docs/messages.md",
    "docs/molecular-dynamics.md",
    "docs/own-data.md",
    "docs/training-everywhere.md",
    "docs/training.md",
    "docs/tutorials/multi-backend.md",
    "examples/metal/README.md",
    "examples/water/README.md",
    "packages/deepmd-dp/README.md",
}
"""Documents whose blocks `test_commands.py` and, of the tutorial, `test_tutorial.py` run."""
BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>.+?) -->\n)?^```(?P<language>bash|sh|python|lammps)\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """A fenced block of code."""

    language: str
    text: str
    reason: str | None
    """Why it is not run."""


def blocks_of(page: Path) -> list[Block]:
    """All blocks of commands and of LAMMPS's input."""
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(match["language"], match["text"], match["reason"]) for match in found]


def blocks_to_run(page: Path) -> list[Block]:
    """Those that a test runs."""
    return [block for block in blocks_of(page) if block.reason is None and block.language != "lammps"]


def run(command: str, folder: Path, stdin: str = "") -> str:
    """What a command of the shell prints; the programs of this environment are found first."""
    binaries = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr
