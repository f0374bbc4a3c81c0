# SPDX-License-Identifier: LGPL-3.0-or-later
"""Molecular dynamics of water in LAMMPS with every kind of model file, beside deepmd-kit's, by turns.

    python benchmarks/lammps.py --peer /venvs/peer/bin/python --molecules 512 4000
    python benchmarks/lammps.py --ours .safetensors .pth --molecules 64 512 4096 32768 --cores 1 2 2r

Run it by a Python that has deepmd-dp, deepmd-cc with its extra ``lmp`` and the backends of the files; `--peer` names
the Python of an environment with deepmd-kit 3.2.0 and its ``lmp``. A figure is the median of `--rounds` turns: µs an
atom and step of all cores' time, and by LAMMPS's loop time, lists (one rebuild each ten steps) and dynamics included,
the first steps not; opening the file and the first forces [s]; the largest resident memory of a process [MB]. For the
native engine the share of the machine's speed at matrix products, measured between the turns. On a machine that others
use too, compare the cores' time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from engine import operations, product_speed
from side import TIMEOUT, Side
from water import water_box

NATIVE = ".safetensors"
OURS = (NATIVE, ".pth", ".pb", ".savedmodel", ".json")
THEIRS = (".pth", ".pb", ".savedmodel", ".compressed.pb")
FRAMEWORKS = {".pth": "pt", ".pb": "tf", ".savedmodel": "jax"}
INPUT = """\
units metal
atom_style atomic
read_data {data}
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
run 2
shell "cat /proc/$PPID/stat >> ticks"
run {steps}
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
        """Variables by which all sides take so many threads."""
        threads = str(1 if self.are_ranks else self.number)
        one = "OMP_NUM_THREADS", "DP_INTRA_OP_PARALLELISM_THREADS", "TF_NUM_INTRAOP_THREADS"
        return {**dict.fromkeys(one, threads), "DP_INTER_OP_PARALLELISM_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


@dataclass(frozen=True)
class Figures:
    """Of one run, or medians of several.

    Attributes
    ----------
    cores, clock : float
        Time of an atom and step [µs]: of all cores together, and by the clock. Where the clock's is more than its part,
        something waits, or others take the machine.
    opening, first : float
        Time until the file is open, and that of the first forces [s].
    memory : float
        The largest resident memory of a process [MB].
    """

    cores: float
    clock: float
    opening: float
    first: float
    memory: float

    @classmethod
    def median(cls, runs: list[Figures]) -> Figures:
        """Of each figure by itself."""
        return cls(*(median(each) for each in zip(*(asdict(run).values() for run in runs), strict=True)))


@dataclass(frozen=True)
class Candidate:
    """A file of a side's, with a name in the table."""

    side: Side
    model: str

    @property
    def label(self) -> str:
        return f"{self.side.label} {self.model.removeprefix('frozen')}"

    @property
    def is_native(self) -> bool:
        """Whether the native engine computes it."""
        return self.model.endswith(NATIVE)

    def run(self, natoms: int, data: Path, steps: int, cores: Cores) -> Figures:
        """Molecular dynamics in LAMMPS."""
        text = INPUT.format(data=data, model=self.model, steps=steps)
        (self.side.work / "in.lammps").write_text(text)
        ticks = self.side.work / "ticks"
        ticks.unlink(missing_ok=True)
        binaries = Path(self.side.python).parent
        launcher = [str(binaries / "mpirun"), "-np", str(cores.number)] if cores.are_ranks else []
        command = [*launcher, str(binaries / "lmp"), "-in", "in.lammps", "-log", "none"]
        environment = os.environ | self.side.environment | cores.environment()
        with tempfile.TemporaryFile("w+") as output:
            options = dict(cwd=self.side.work, env=environment, stdout=output, stderr=subprocess.STDOUT)
            process = subprocess.Popen(["timeout", str(TIMEOUT), *command], **options)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = status
            output.seek(0)
            log = output.read()
        loops = re.findall(r"Loop time of (\S+) on", log)
        if status != 0 or len(loops) != 3:
            sys.exit(f"{self.label}: {' '.join(command)} failed:\n{log[-4000:]}")
        opening, first = map(float, re.search(r"^TIMES (\S+) (\S+)", log, re.MULTILINE).groups())
        # a rank's, of which LAMMPS writes those of the first; its own figure leaves out the system's time
        used = processor_seconds(ticks) * (cores.number if cores.are_ranks else 1)
        per_step = 1e6 / natoms / steps
        return Figures(used * per_step, float(loops[-1]) * per_step, opening, first, usage.ru_maxrss / 1024)


def processor_seconds(ticks: Path) -> float:
    """Between two lines of Linux's ``/proc/…/stat``."""
    start, end = (sum(map(int, line.rpartition(")")[2].split()[11:13])) for line in ticks.read_text().splitlines())
    return (end - start) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    options = parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for descriptor in options.descriptor:
            for precision in options.precision:
                work = Path(folder, f"{descriptor}-{precision}")
                candidates = make_candidates(work, descriptor, precision, options)
                rows += [
                    row
                    for molecules in options.molecules
                    for cores in options.cores
                    for row in measure(f"{descriptor} {precision}", candidates, molecules, cores, options)
                ]
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--descriptor", nargs="+", default=["se_atten_v2", "se_e2_a"])
    parser.add_argument("--precision", nargs="+", default=["float64", "float32"])
    parser.add_argument("--molecules", nargs="+", type=int, default=[512, 4000])
    parser.add_argument("--cores", nargs="+", type=Cores.parse, default=[Cores(1, False)], help="2: threads, 2r: ranks")
    parser.add_argument("--ours", nargs="*", default=OURS, metavar="ENDING", help=f"of our files: {' '.join(OURS)}")
    parser.add_argument("--theirs", nargs="*", default=THEIRS, metavar="ENDING", help=f"of theirs: {' '.join(THEIRS)}")
    parser.add_argument("--peer", metavar="PYTHON", help="of an environment with deepmd-kit; without: ours alone")
    parser.add_argument("--steps", type=int, default=10, help="that are timed; of the native engine ten times as many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    return parser.parse_args()


def make_candidates(work: Path, descriptor: str, precision: str, options: argparse.Namespace) -> list[Candidate]:
    """The files, all of one model where the other program can convert it, which a training of one step made."""
    ours = Side("ours", "pt", sys.executable, work / "ours")
    ours.train(descriptor, 1, disp_freq=1, precision=precision)
    ours.run(ours.dp, "freeze", "-o", "model.dp")
    for ending in options.ours:
        ours.convert(ours.work / "model.dp", ending)
    candidates = [Candidate(ours, f"frozen{ending}") for ending in options.ours]
    if options.peer is None:
        return candidates
    theirs = Side("deepmd-kit", "tf", options.peer, work / "theirs", peer_environment(options.peer))
    for ending in options.theirs:
        make_theirs(theirs, ending, ours.work / "model.dp", descriptor, precision)
    return candidates + [Candidate(theirs, f"frozen{ending}") for ending in options.theirs]


def peer_environment(python: str) -> dict[str, str]:
    """What deepmd-kit's `lmp` needs on a machine without CUDA: the library of nvidia-cuda-runtime-cu12."""
    root = Path(python).parent.parent
    folders = [str(each) for each in root.glob("lib/python*/site-packages/nvidia/cuda_runtime/lib")]
    return {"LD_LIBRARY_PATH": ":".join(folders)} if folders else {}


def make_theirs(side: Side, ending: str, model: Path, descriptor: str, precision: str) -> None:
    """A file of deepmd-kit's: the model converted, or, since its TensorFlow takes no se_atten_v2, one of its own."""
    if ending == ".compressed.pb":
        if not (side.work / "frozen.pb").exists():
            make_theirs(side, ".pb", model, descriptor, precision)
        side.run(side.dp, "--tf", "compress", "-i", "frozen.pb", "-o", f"frozen{ending}", "-t", "input.json")
    elif ending == ".pb":
        side.train(descriptor, 1, disp_freq=1, precision=precision)
        side.run(side.dp, "--tf", "freeze", "-o", "frozen.pb")
    else:
        side.convert(model, ending)


def measure(
    what: str, candidates: list[Candidate], molecules: int, cores: Cores, options: argparse.Namespace
) -> list[dict[str, object]]:
    """Lets all take turns and prints a line for each."""
    natoms = 3 * molecules
    data = write_data(candidates[0].side.work / f"water-{molecules}.data", molecules)
    runs: dict[str, list[Figures]] = {each.label: [] for each in candidates}
    speeds = []
    for _ in range(options.rounds):
        for candidate in candidates:
            speeds.append(product_speed())
            steps = options.steps * (10 if candidate.is_native else 1)
            runs[candidate.label].append(candidate.run(natoms, data, steps, cores))
    # what others on the machine take away makes it slower, nothing faster
    peak = max(speeds) * (2.0 if "float32" in what else 1.0)
    load = "/".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"\n{what}, {natoms:,} atoms, {cores}: products at {peak / 1e9:.0f} Gflop/s a core, load {load}")
    print(f"{'':32s} µs/atom/step  by clock  open s  first s     MB  of peak")
    rows = []
    for candidate in candidates:
        found = Figures.median(runs[candidate.label])
        share = operations(what) / (found.cores * 1e-6) / peak if candidate.is_native else None
        print(
            f"{candidate.label:32s} {found.cores:12.1f} {found.clock:9.1f} {found.opening:7.2f} {found.first:8.2f}"
            f" {found.memory:6.0f}  {'' if share is None else f'{share:.0%}'}",
            flush=True,
        )
        case = {"model": what, "natoms": natoms, "cores": str(cores), "file": candidate.label}
        rows.append({**case, **asdict(found), "share": share, "peak": peak, "load": load})
    return rows


def write_data(path: Path, molecules: int) -> Path:
    """LAMMPS's file of a box of water."""
    coord, cell, types = water_box(molecules)
    edge = float(cell[0, 0])
    lines = ["water", "", f"{len(types)} atoms", "2 atom types", ""]
    lines += [f"0 {edge!r} {axis}lo {axis}hi" for axis in "xyz"]
    lines += ["", "Atoms # atomic", ""]
    for tag, (kind, place) in enumerate(zip(types.tolist(), (coord % edge).tolist(), strict=True), 1):
        lines.append(f"{tag} {kind + 1} {' '.join(map(repr, place))}")
    path.write_text("\n".join(lines) + "\n")
    return path


if __name__ == "__main__":
    main()
