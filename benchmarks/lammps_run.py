# SPDX-License-Identifier: LGPL-3.0-or-later
"""One timed run of molecular dynamics in LAMMPS, with a model file of any kind, by any environment's ``lmp``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

TIMEOUT = 7200
NATIVE = ".safetensors"
"""Ending of the files that only the native engine computes."""
INPUT = """\
units metal
atom_style atomic
read_data {data}
replicate {replicas}
mass 1 16
mass 2 1
variable start timer
pair_style deepmd {model}
pair_coeff * * O H
neighbor 1.0 bin
neigh_modify every 10 delay 0 check no
velocity all create 100 1
timestep 0.0001
fix 1 all nve
variable opened timer
run 0 post no
variable first timer
print "TIMES $(v_opened-v_start) $(v_first-v_opened)"
run {cold}
shell "cat /proc/$PPID/stat >> ticks"
run {hot} pre no
shell "cat /proc/$PPID/stat >> ticks"
"""


@dataclass(frozen=True)
class Cores:
    """How many a run takes: `number` threads, or ranks of one thread."""

    number: int
    are_ranks: bool

    @classmethod
    def parse(cls, text: str) -> Cores:
        """``2`` threads, ``2r`` ranks."""
        return cls(int(text.removesuffix("r")), text.endswith("r"))

    def __str__(self) -> str:
        return f"{self.number} {'rank' if self.are_ranks else 'thread'}{'s' if self.number > 1 else ''}"

    def environment(self) -> dict[str, str]:
        """Variables by which all programs take so many threads."""
        threads = str(1 if self.are_ranks else self.number)
        one = "OMP_NUM_THREADS", "DP_INTRA_OP_PARALLELISM_THREADS", "TF_NUM_INTRAOP_THREADS"
        return {**dict.fromkeys(one, threads), "DP_INTER_OP_PARALLELISM_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


@dataclass(frozen=True)
class Dynamics:
    """What is computed.

    Attributes
    ----------
    data : Path
        LAMMPS's file of a box with O and H as types 1 and 2.
    natoms : int
        Atoms of the box and its replicas.
    cold, hot : int
        Steps at the beginning, in which programs still compile, and those after them.
    replicas : tuple of int
        Times that the box is repeated along x, y and z.
    """

    data: Path
    natoms: int
    cold: int
    hot: int
    replicas: tuple[int, int, int] = (1, 1, 1)


@dataclass(frozen=True)
class Figures:
    """Of one run, or medians of several.

    Attributes
    ----------
    cores, clock : float
        Time of an atom and hot step [µs]: of all cores together, and by the clock. Where the clock's is more than its
        part, something waits, or others take the machine.
    opening, first, cold : float
        Time until the file is open, that of the first forces, and of all cold steps after them [s].
    memory : float
        The largest resident memory of a process [MB].
    """

    cores: float
    clock: float
    opening: float
    first: float
    cold: float
    memory: float

    @classmethod
    def median(cls, runs: list[Figures]) -> Figures:
        """Of each figure by itself."""
        return cls(*(median(each) for each in zip(*(asdict(run).values() for run in runs), strict=True)))


@dataclass(frozen=True)
class Program:
    """An environment's ``lmp``.

    Attributes
    ----------
    label : str
        Whose it is, in tables.
    python : str
        Of the environment; `lmp` and `mpirun` lie beside it.
    environment : dict
        Variables set for it.
    """

    label: str
    python: str
    environment: dict[str, str]

    def run(self, model: Path, work: Path, dynamics: Dynamics, cores: Cores) -> Figures:
        """Molecular dynamics with a model file, in the folder `work`; a failure ends this program."""
        names = {"cold": dynamics.cold, "hot": dynamics.hot, "replicas": " ".join(map(str, dynamics.replicas))}
        (work / "in.lammps").write_text(INPUT.format(data=dynamics.data, model=model, **names))
        ticks = work / "ticks"
        ticks.unlink(missing_ok=True)
        binaries = Path(self.python).parent
        launcher = [str(binaries / "mpirun"), "-np", str(cores.number)] if cores.are_ranks else []
        command = [*launcher, str(binaries / "lmp"), "-in", "in.lammps", "-log", "none"]
        log, status, memory = self._measure(command, work, cores)
        loops = re.findall(r"Loop time of (\S+) on", log)
        if status != 0 or len(loops) != 3:
            sys.exit(f"{self.label}: {' '.join(command)} failed with {model}:\n{log[-4000:]}")
        opening, first = map(float, re.search(r"^TIMES (\S+) (\S+)", log, re.MULTILINE).groups())
        # a rank's, of which LAMMPS writes those of the first; its own figure leaves out the system's time
        used = processor_seconds(ticks) * (cores.number if cores.are_ranks else 1)
        per_step = 1e6 / dynamics.natoms / dynamics.hot
        return Figures(used * per_step, float(loops[2]) * per_step, opening, first, float(loops[1]), memory)

    def _measure(self, command: list[str], work: Path, cores: Cores) -> tuple[str, int, float]:
        """What a command prints, its exit status, and its largest resident memory [MB]."""
        environment = os.environ | self.environment | cores.environment()
        with tempfile.TemporaryFile("w+") as output:
            options = dict(cwd=work, env=environment, stdout=output, stderr=subprocess.STDOUT)
            process = subprocess.Popen(["timeout", str(TIMEOUT), *command], **options)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            return output.read(), process.returncode, usage.ru_maxrss / 1024


def peer_environment(python: str) -> dict[str, str]:
    """What deepmd-kit's `lmp` needs on a machine without CUDA: the library of nvidia-cuda-runtime-cu12."""
    root = Path(python).parent.parent
    folders = [str(each) for each in root.glob("lib/python*/site-packages/nvidia/cuda_runtime/lib")]
    return {"LD_LIBRARY_PATH": ":".join(folders)} if folders else {}


def processor_seconds(ticks: Path) -> float:
    """Between two lines of Linux's ``/proc/…/stat``."""
    start, end = (sum(map(int, line.rpartition(")")[2].split()[11:13])) for line in ticks.read_text().splitlines())
    return (end - start) / os.sysconf("SC_CLK_TCK")
