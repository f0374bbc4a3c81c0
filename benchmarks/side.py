# SPDX-License-Identifier: LGPL-3.0-or-later
"""One of those that are compared: an environment's Python, its `dp`, and the framework that it is asked for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from water import write_input, write_system

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).resolve().parent
TIMEOUT = 1800
PROGRESS = re.compile(r"^ *(?P<ours>\d+) trn |\bbatch +(?P<theirs>\d+):", re.IGNORECASE)
"""A line that a training shows after so many steps."""


@dataclass
class Side:
    """Someone who runs the same commands as the others.

    Attributes
    ----------
    label : str
        Name in the table: ``ours``, ``deepmd-kit``, ….
    flag : str
        Backend: ``pt`` for ``dp --pt``.
    python : str
        Of the environment; its `dp` lies beside it.
    work : Path
        A folder of its own, made here, with a data system of 192 atoms.
    environment : dict
        Variables set for its commands.
    """

    label: str
    flag: str
    python: str
    work: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dp = str(Path(self.python).with_name("dp"))
        self._model = ""
        self.work.mkdir(parents=True)
        write_system(self.work / "system", nmolecules=64, nframes=8)

    def start_up(self) -> float:
        """`dp -h` [s]."""
        return self._seconds(self.dp, "-h")

    def neighbor_list(self, natoms: int) -> float:
        """A list of all neighbors within 6 Å [s]."""
        return float(self.run(self.python, str(HERE / "neighbor_list.py"), str(natoms)).split()[-1])

    def train(self, descriptor: str, steps: int, disp_freq: int, **options: Any) -> dict[int, float]:
        """Trains, with the options of `write_input`, and gives the time at which each step shown was done [s]."""
        write_input(self.work / "input.json", descriptor, steps, self.work / "system", disp_freq, **options)
        command = (self.dp, f"--{self.flag}", "train", "input.json", "--skip-neighbor-stat")
        stamps: dict[int, float] = {}
        lines = []
        with self._start(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            for line in process.stdout:
                lines.append(line)
                if match := PROGRESS.search(line):
                    stamps.setdefault(int(match[match.lastgroup]), time.perf_counter())
        if process.returncode != 0:
            self._fail(command, "".join(lines))
        return stamps

    def training_step(self, descriptor: str, batch_size: int, steps: int) -> float:
        """The mean of so many steps [s], after as many others: starting and compiling do not count."""
        stamps = self.train(descriptor, 2 * steps, steps, batch_size=batch_size)
        return (stamps[2 * steps] - stamps[steps]) / steps

    def convert(self, source: Path, suffix: str) -> None:
        """Writes the model as `frozen<suffix>` for `inference`."""
        self._model = f"frozen{suffix}"
        self.run(self.dp, "convert-backend", str(source), self._model)

    def inference(self, natoms: int) -> float:
        """Energy, force and virial of one frame by `DeepPot` from the file of `convert` [s]."""
        return float(self.run(self.python, str(HERE / "inference.py"), self._model, str(natoms)).split()[-1])

    def run(self, *command: str) -> str:
        """Runs a command and gives what it printed; its failure is this program's."""
        with self._start(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            output, errors = process.communicate(timeout=TIMEOUT)
        if process.returncode != 0:
            self._fail(command, output + errors)
        return output

    def _start(self, *command: str, **options: int) -> subprocess.Popen:
        return subprocess.Popen(command, cwd=self.work, env=os.environ | self.environment, text=True, **options)

    def _fail(self, command: Sequence[str], output: str) -> NoReturn:
        sys.exit(f"{self.label}: {' '.join(command)} failed:\n{output[-4000:]}")

    def _seconds(self, *command: str) -> float:
        start = time.perf_counter()
        self.run(*command)
        return time.perf_counter() - start
