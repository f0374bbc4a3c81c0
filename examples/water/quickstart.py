# SPDX-License-Identifier: LGPL-3.0-or-later
"""From data to molecular dynamics: train, freeze, convert, test, run MD, look at the pictures.

Each step is a command or a few lines of Python that you may run yourself; it is shown
before it runs. Everything is written to one folder, `quickstart-results` by default.

    python examples/water/quickstart.py [--steps 3000] [--output FOLDER] [--backend pt]
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from deepmd.backend.discovery import find_backend

HERE = Path(__file__).resolve().parent


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=3000, help="training steps (default: 3000, some minutes)")
    parser.add_argument("--md-steps", type=int, default=200, help="steps of the molecular dynamics, 0.5 fs each")
    parser.add_argument("--output", type=Path, default=Path("quickstart-results"), help="folder for all results")
    parser.add_argument("--backend", default="pt", help="backend that trains (default: pt)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    start = time.perf_counter()
    work = prepare(args)
    frozen = train_and_freeze(work, args.backend)
    dp(work, "convert-backend", frozen, "model.dp")
    errors = {model: test(work, model) for model in (frozen, "model.dp")}
    drift = run_md(work / frozen, work / "data" / "valid", args.md_steps)
    summarize(args, work, errors, drift, time.perf_counter() - start)


def prepare(args: argparse.Namespace) -> Path:
    """The results' folder with the input file, shortened where asked, and the data."""
    work = args.output.resolve()
    work.mkdir(parents=True, exist_ok=True)
    config = json.loads((HERE / "input.json").read_text())
    config["training"]["numb_steps"] = args.steps
    config["training"]["disp_freq"] = max(1, min(100, args.steps // 10))
    config["training"]["save_freq"] = max(1, min(1000, args.steps))
    (work / "input.json").write_text(json.dumps(config, indent=2) + "\n")
    shutil.copytree(HERE / "data", work / "data", dirs_exist_ok=True)
    return work


def train_and_freeze(work: Path, backend: str) -> str:
    """Trains from scratch and writes the frozen model; gives its name."""
    dp(work, f"--{backend}", "train", "input.json", "--plot")
    frozen = f"frozen_model{find_backend(backend).suffixes[0]}"
    dp(work, f"--{backend}", "freeze", "-o", frozen)
    return frozen


def dp(work: Path, *arguments: str) -> str:
    """Runs one `dp` command in the results' folder and shows what it says."""
    command = ["dp", *arguments]
    print(f"\n$ {shlex.join(command)}", flush=True)
    executable = Path(sys.executable).with_name("dp")
    process = subprocess.Popen(
        [str(executable), *arguments], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines = []
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line)
    if process.wait() != 0:
        sys.exit(f"quickstart: `{shlex.join(command)}` failed with exit code {process.returncode}, see above.")
    return "".join(lines)


def test(work: Path, model: str) -> dict[str, float]:
    """`dp test` with a parity picture; gives the RMSE of energy per atom and force on the validation data."""
    name = Path(model).suffix.lstrip(".")
    dp(work, "test", "-m", model, "-s", "data/valid", "-d", f"detail_{name}", "--plot", f"parity_{name}.png")
    energy = np.loadtxt(work / f"detail_{name}.e_peratom.out", ndmin=2)
    force = np.loadtxt(work / f"detail_{name}.f.out", ndmin=2)
    return {
        "energy": float(np.sqrt(np.mean((energy[:, 0] - energy[:, 1]) ** 2))),
        "force": float(np.sqrt(np.mean((force[:, :3] - force[:, 3:6]) ** 2))),
    }


def run_md(model: Path, system: Path, steps: int) -> float:
    """A short constant-energy MD with ASE at 300 K; gives the drift of the total energy [meV/atom]."""
    from ase import Atoms, units
    from ase.md.verlet import VelocityVerlet

    from deepmd.calculator import DP

    print(f"\n# MD with ASE: {steps} steps of 0.5 fs, calculator deepmd.calculator.DP({model.name!r})")
    symbols = [["O", "H"][int(t)] for t in np.loadtxt(system / "type.raw")]
    coord = np.load(system / "set.000" / "coord.npy")[0].reshape(-1, 3)
    box = np.load(system / "set.000" / "box.npy")[0].reshape(3, 3)
    atoms = Atoms(symbols, positions=coord, cell=box, pbc=True, calculator=DP(model))
    spread = np.sqrt(300 * units.kB / atoms.get_masses())[:, None]
    velocities = np.random.default_rng(0).normal(size=coord.shape) * spread
    atoms.set_velocities(velocities - velocities.mean(axis=0))
    dynamics = VelocityVerlet(atoms, timestep=0.5 * units.fs)
    first = atoms.get_total_energy()
    for done in range(0, steps, 50):
        dynamics.run(min(50, steps - done))
        print(
            f"  {dynamics.nsteps * 0.5:6.1f} fs   T = {atoms.get_temperature():5.0f} K   "
            f"E_tot = {atoms.get_total_energy():.4f} eV",
            flush=True,
        )
    return 1000.0 * (atoms.get_total_energy() - first) / len(atoms)


def summarize(args: argparse.Namespace, work: Path, errors: dict, drift: float, seconds: float) -> None:
    """What was done and what to try next."""
    (frozen, first), (converted, second) = errors.items()
    print(
        f"""
What this did in {seconds / 60:.1f} minutes (all files are in {work}):
  trained      a DeepPot-SE model of water, {args.steps} steps     learning curve: lcurve.png
  froze        {frozen}, and converted it to {converted}
  tested both  on 40 unseen frames                        parity: parity_{Path(frozen).suffix[1:]}.png
               {frozen:18s} RMSE {1000 * first["energy"]:7.3f} meV/atom   {1000 * first["force"]:7.2f} meV/Å
               {converted:18s} RMSE {1000 * second["energy"]:7.3f} meV/atom   {1000 * second["force"]:7.2f} meV/Å
  ran MD       {args.md_steps} steps at constant energy, drift {drift:+.3f} meV/atom

What to try next:
  dp show {frozen} type-map descriptor size
  dp --{args.backend} train input.json --restart model.ckpt       # after raising numb_steps in input.json
  dp doc-train-input                                     # all that an input file may contain
"""
    )
    if any(abs(first[key] - second[key]) > 1e-9 for key in first):
        sys.exit(f"quickstart: {frozen} and {converted} differ, which should not be: {errors}")


if __name__ == "__main__":
    main()
