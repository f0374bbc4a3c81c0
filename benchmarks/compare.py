# SPDX-License-Identifier: LGPL-3.0-or-later
"""Times ours beside deepmd-kit on the same machine, in turn, and prints ratios.

    python benchmarks/compare.py --peer /path/to/deepmd-kit/venv/bin/python [--only training ...]

Run it by a Python that has deepmd-core, deepmd-dp and deepmd-pt; `--peer` is the Python of another
environment with deepmd-kit 3.2.0 and torch. Both do the same: the same commands of `dp`, the same
scripts of the Python API. Each figure is the median of several rounds in which the two take turns, so
that a machine whose speed drifts does not favour one; the ratio is ours / deepmd-kit's.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from water import write_input, write_system

HERE = Path(__file__).resolve().parent
TIMEOUT = 900


def run(command: list[str], cwd: Path) -> str:
    """Runs a command and gives what it printed; its failure is this program's."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def seconds(command: list[str], cwd: Path) -> float:
    """Wall time of a whole process [s]."""
    start = time.perf_counter()
    run(command, cwd)
    return time.perf_counter() - start


class Side:
    """One of the two: its Python and its `dp`."""

    def __init__(self, python: str, work: Path) -> None:
        self.python = python
        self.dp = str(Path(python).with_name("dp"))
        self.work = work
        work.mkdir()

    def start_up(self) -> float:
        """`dp -h` [s]."""
        return seconds([self.dp, "-h"], self.work)

    def training_step(self, descriptor: str) -> float:
        """One step of `dp --pt train` [s]: the difference of two runs, so that the start does not count."""
        few, many = 10, 60
        times = []
        for steps in (few, many):
            write_input(self.work / "input.json", descriptor, steps, self.work / "system")
            times.append(seconds([self.dp, "--pt", "train", "input.json", "--skip-neighbor-stat"], self.work))
        return (times[1] - times[0]) / (many - few)

    def inference(self, natoms: int) -> float:
        """Energy, force and virial of one frame by `DeepPot` from a frozen file [s]."""
        output = run([self.python, str(HERE / "inference.py"), "frozen.pth", str(natoms)], self.work)
        return float(output.split()[-1])

    def neighbor_list(self, natoms: int) -> float:
        """A list of all neighbours within 6 Å [s]."""
        return float(run([self.python, str(HERE / "neighbor_list.py"), str(natoms)], self.work).split()[-1])


def measure(ours: Side, peer: Side | None, rounds: int, name: str, method: str, *args: object) -> dict:
    """A row of the table: medians of both and their ratio."""
    times: dict[str, list[float]] = {"ours": [], "deepmd-kit": []}
    for _ in range(rounds):
        times["ours"].append(getattr(ours, method)(*args))
        if peer is not None:
            times["deepmd-kit"].append(getattr(peer, method)(*args))
    row = {"what": name, "ours": median(times["ours"])}
    if peer is not None:
        row["deepmd-kit"] = median(times["deepmd-kit"])
        row["ratio"] = median(a / b for a, b in zip(times["ours"], times["deepmd-kit"], strict=True))
    print_row(row)
    return row


def print_row(row: dict) -> None:
    text = f"{row['what']:46s} {1000 * row['ours']:10.1f} ms"
    if "ratio" in row:
        text += f" {1000 * row['deepmd-kit']:10.1f} ms   {row['ratio']:6.2f}"
    print(text, flush=True)


def prepare_models(ours: Side, peer: Side | None) -> None:
    """The same model frozen by each side: ours trains one step, deepmd-kit converts its `.dp`."""
    write_input(ours.work / "input.json", "se_e2_a", 1, ours.work / "system")
    run([ours.dp, "--pt", "train", "input.json", "--skip-neighbor-stat"], ours.work)
    run([ours.dp, "--pt", "freeze", "-o", "frozen.pth"], ours.work)
    if peer is not None:
        run([ours.dp, "convert-backend", "frozen.pth", str(peer.work / "model.dp")], ours.work)
        run([peer.dp, "convert-backend", "model.dp", "frozen.pth"], peer.work)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", help="Python of an environment with deepmd-kit")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=("start-up", "neighbor-list", "training", "inference"))
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    args = parser.parse_args()
    chosen = args.only or ["start-up", "neighbor-list", "training", "inference"]
    with tempfile.TemporaryDirectory() as folder:
        ours = Side(sys.executable, Path(folder) / "ours")
        peer = Side(args.peer, Path(folder) / "peer") if args.peer else None
        for side in filter(None, (ours, peer)):
            write_system(side.work / "system", nmolecules=64, nframes=4)
        print(f"{'':46s} {'ours':>13s} {'deepmd-kit':>13s}    ratio")
        rows = []
        if "start-up" in chosen:
            rows.append(measure(ours, peer, args.rounds, "dp -h", "start_up"))
        if "neighbor-list" in chosen:
            rows.append(measure(ours, peer, args.rounds, "neighbour list, 1,536 atoms, 6 Å", "neighbor_list", 1536))
            # deepmd-kit's list by NumPy or torch is O(N²) and does not fit the memory here
            rows.append(measure(ours, None, args.rounds, "neighbour list, 12,000 atoms, 6 Å", "neighbor_list", 12000))
        if "training" in chosen:
            for descriptor in ("se_e2_a", "se_atten"):
                name = f"training step, {descriptor}, 192 atoms, float64"
                rows.append(measure(ours, peer, args.rounds, name, "training_step", descriptor))
        if "inference" in chosen:
            prepare_models(ours, peer)
            for natoms in (192, 1536):
                name = f"energy, force, virial, se_e2_a, {natoms} atoms"
                rows.append(measure(ours, peer, args.rounds, name, "inference", natoms))
        if args.json:
            args.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
