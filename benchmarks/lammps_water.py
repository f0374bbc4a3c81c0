# SPDX-License-Identifier: LGPL-3.0-or-later
"""Time of molecular dynamics of water in LAMMPS with every model file of a folder, as a table and a bar chart.

    python benchmarks/lammps_water.py examples/water/se_atten_compressible
    python benchmarks/lammps_water.py frozen_model.pth frozen_model.safetensors --cold 2 --hot 5
    python benchmarks/lammps_water.py FOLDER --peer /venvs/peer/bin/python --peer-files kit/frozen_model.pth

Run it by the Python of an environment with `deepmd-cc[lmp]` and the backends of the files; models are of O and H. The
cold steps are timed from the first forces on, compiling included, the hot ones after them. µs are of an atom and a
hot step: processor time of all cores, which others on the machine change little, and by the clock. Files of deepmd-kit
run in the environment that `--peer` names; ours are divided by the fastest of theirs of the same kind.
The files take turns; a figure is the median of `--rounds`.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lammps_run import Cores, Dynamics, Figures, Program, peer_environment

BOX = Path(__file__).resolve().parents[1] / "examples/water/se_atten_compressible/water.lmp"
BOX_MOLECULES = 32
ENDINGS = (".safetensors", ".dp", ".pth", ".pb", ".savedmodel", ".json")
"""Of files that LAMMPS runs; a folder is searched for them."""


@dataclass(frozen=True)
class Row:
    """A file, who runs it, and how long that took."""

    program: Program
    model: Path
    figures: Figures

    @property
    def label(self) -> str:
        return f"{self.program.label}, {self.model.name}"


def main() -> None:
    options = parse_args()
    ours = Program("ours", sys.executable, {})
    candidates = [(ours, path) for path in find_models(options.models)]
    if options.peer_files:
        theirs = Program("deepmd-kit", options.peer, peer_environment(options.peer))
        candidates += [(theirs, path) for path in find_models(options.peer_files)]
    replicas = replicas_of(options.molecules)
    dynamics = Dynamics(BOX, 3 * options.molecules, options.cold, options.hot, replicas)
    rows = measure(candidates, dynamics, options)
    table = write_table(rows, dynamics, options)
    print(table)
    options.output.with_suffix(".md").write_text(table + "\n")
    draw(options.output.with_suffix(".png"), rows, dynamics)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL", help="model files, or folders with some")
    parser.add_argument("--molecules", type=int, default=4000, help=f"a multiple of {BOX_MOLECULES}; 4000")
    parser.add_argument("--cold", type=int, default=100, help="steps at the beginning; 100")
    parser.add_argument("--hot", type=int, default=500, help="steps after them; 500")
    parser.add_argument("--cores", type=Cores.parse, default=Cores(1, False), help="2: threads, 2r: ranks; 1")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--peer", metavar="PYTHON", help="of an environment with deepmd-kit and its lmp")
    parser.add_argument("--peer-files", nargs="+", type=Path, default=[], metavar="MODEL", help="run there")
    parser.add_argument("--output", type=Path, default=Path("lammps_water"), help="name of the .md and the .png")
    options = parser.parse_args()
    if bool(options.peer) != bool(options.peer_files):
        parser.error("--peer and --peer-files go together.")
    return options


def find_models(paths: list[Path]) -> list[Path]:
    """The files, and those of the folders."""
    found = [path.resolve() for path in paths if not path.is_dir() or path.suffix in ENDINGS]
    for folder in (path.resolve() for path in paths if path.is_dir() and path.suffix not in ENDINGS):
        found += sorted(path for path in folder.iterdir() if is_model(path))
    return found or sys.exit(f"no file in {', '.join(map(str, paths))} ends in {', '.join(ENDINGS)}.")


def is_model(path: Path) -> bool:
    """By its ending; a .json with .pdiparams beside it is Paddle's, others are input files."""
    return path.suffix in ENDINGS and (path.suffix != ".json" or path.with_suffix(".pdiparams").exists())


def replicas_of(molecules: int) -> tuple[int, int, int]:
    """How often the box of the example is repeated along each axis: as near to a cube as the number allows."""
    boxes, rest = divmod(molecules, BOX_MOLECULES)
    if rest or boxes < 1:
        sys.exit(f"--molecules is {molecules}, expected a multiple of {BOX_MOLECULES}.")
    divisors = [number for number in range(1, boxes + 1) if boxes % number == 0]
    shapes = [(a, b, boxes // (a * b)) for a in divisors for b in divisors if boxes % (a * b) == 0]
    return min(shapes, key=sum)


def measure(candidates: list[tuple[Program, Path]], dynamics: Dynamics, options: argparse.Namespace) -> list[Row]:
    """Lets all take turns; the fastest first."""
    runs: list[list[Figures]] = [[] for _ in candidates]
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            for (program, model), figures in zip(candidates, runs, strict=True):
                print(f"{program.label}, {model.name} ...", file=sys.stderr, flush=True)
                figures.append(program.run(model, Path(folder), dynamics, options.cores))
    rows = [Row(*each, Figures.median(figures)) for each, figures in zip(candidates, runs, strict=True)]
    return sorted(rows, key=lambda row: row.figures.cores)


def write_table(rows: list[Row], dynamics: Dynamics, options: argparse.Namespace) -> str:
    """The figures in Markdown."""
    what = f"{dynamics.natoms:,} atoms, {options.cores}, load {os.getloadavg()[0]:.1f}"
    head = ["file", f"{dynamics.cold} cold steps", f"{dynamics.hot} hot steps", "µs, processor", "µs, clock", "memory"]
    # the fastest comes first in the rows, last here
    twins = {row.model.suffix: row.figures.cores for row in reversed(rows) if row.program.label != "ours"}
    lines = [[*head, "of theirs"] if twins else head]
    lines.append(["---"] * len(lines[0]))
    for row in rows:
        f = row.figures
        hot = f.clock * 1e-6 * dynamics.natoms * dynamics.hot
        cells = [row.label, f"{f.first + f.cold:.1f} s", f"{hot:.1f} s", f"{f.cores:.0f}", f"{f.clock:.0f}"]
        cells.append(f"{f.memory:,.0f} MB")
        if twins:
            twin = twins.get(row.model.suffix) if row.program.label == "ours" else None
            cells.append(f"{f.cores / twin:.2f}" if twin else "")
        lines.append(cells)
    return "\n".join([f"{what}:", "", *(f"| {' | '.join(cells)} |" for cells in lines)])


def draw(path: Path, rows: list[Row], dynamics: Dynamics) -> None:
    """Bars of processor time, the fastest on top; on a scale of powers, since a hundredfold lies between them."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 0.8 + 0.35 * len(rows)), layout="constrained")
    colors = ["tab:blue" if row.program.label == "ours" else "0.6" for row in rows]
    bars = axes.barh([row.label for row in rows], [row.figures.cores for row in rows], color=colors)
    axes.bar_label(bars, fmt="%.0f", padding=3)
    axes.invert_yaxis()
    axes.set_xscale("log")
    # a run shorter than a tick of the clock took no time, which has no place on this scale
    times = [row.figures.cores for row in rows if row.figures.cores > 0]
    if times:
        axes.set_xlim(10.0 ** math.floor(math.log10(min(times))), 2 * max(times))
    axes.set(xlabel="processor time of an atom and step (µs)", title=f"water in LAMMPS, {dynamics.natoms:,} atoms")
    figure.savefig(path, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main()
