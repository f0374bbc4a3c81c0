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
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from engine import operations, product_speed
from lammps_run import NATIVE, Cores, Dynamics, Figures, Program, peer_environment
from side import Side
from water import water_box

OURS = (NATIVE, ".pth", ".pb", ".savedmodel", ".json")
THEIRS = (".pth", ".pb", ".savedmodel", ".compressed.pb")


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

    def run(self, dynamics: Dynamics, cores: Cores) -> Figures:
        """Molecular dynamics in LAMMPS."""
        program = Program(self.side.label, self.side.python, self.side.environment)
        return program.run(Path(self.model), self.side.work, dynamics, cores)


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
            runs[candidate.label].append(candidate.run(Dynamics(data, natoms, 2, steps), cores))
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
