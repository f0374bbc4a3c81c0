# SPDX-License-Identifier: LGPL-3.0-or-later
"""Molecular dynamics of water in LAMMPS by the native engine: no deep-learning framework is needed.

    python examples/molecular-dynamics/run.py [--steps 4000] [--output FOLDER]

192 molecules by the small model of this folder: LAMMPS equilibrates them and goes on at constant energy. Two pictures
are drawn: how the total energy drifts, and the radial distribution functions beside those of the training data.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
SYSTEM = HERE.parent / "water" / "data" / "train_0"
"""Frames at 300 K: the first one is replicated, all of them are compared with."""
FEMTOSECONDS = 0.5
REPLICAS = (3, 2, 1)
PAIRS = {"O-O": (0, 0), "O-H": (0, 1), "H-H": (1, 1)}


def main() -> None:
    args = parse_args()
    work = args.output.resolve()
    work.mkdir(parents=True, exist_ok=True)
    model = args.model.resolve()
    write_data(work / "water.data")
    shutil.copy(HERE / "in.water", work)
    log = run_lammps(work, model, args)
    time, energy, temperature = read_energies(log)
    slope, error = drift(time, energy)
    natoms = 96 * int(np.prod(REPLICAS))
    functions = radial_distributions(*read_dump(work / "water.dump"))
    draw_energy(work / "energy_drift.png", time, energy / natoms)
    draw_functions(work / "radial_distribution.png", functions, training_distributions())
    print(
        f"\nWhat this did (all files are in {work}):\n"
        f"  ran MD   {args.steps} steps of {FEMTOSECONDS} fs at constant energy, {natoms} atoms, "
        f"{temperature.mean():.0f} K on average\n"
        f"  drift    {slope / natoms:+.1e} ± {error / natoms:.0e} eV/atom/ps              energy_drift.png\n"
        "  structure  beside the training data                       radial_distribution.png"
    )


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=4000, help="steps at constant energy, 0.5 fs each")
    parser.add_argument("--equilibration", type=int, default=2000, help="steps at constant temperature before")
    parser.add_argument("--model", type=Path, default=HERE / "water.safetensors", help="model file of any kind")
    parser.add_argument("--ranks", type=int, default=1, help="MPI ranks")
    parser.add_argument("--output", type=Path, default=Path("lammps-results"), help="folder for all results")
    return parser.parse_args()


def write_data(path: Path) -> None:
    """The first frame of the data, replicated, as LAMMPS reads it."""
    coord, box, types = read_system(SYSTEM)
    shifts = np.stack(np.meshgrid(*map(np.arange, REPLICAS), indexing="ij"), axis=-1).reshape(-1, 3)
    everything = (coord[0][None] + (shifts @ box[0])[:, None]).reshape(-1, 3)
    edges = np.diag(box[0]) * REPLICAS
    everything %= edges
    lines = ["water", "", f"{len(everything)} atoms", "2 atom types", ""]
    lines += [f"0.0 {edge:.10f} {axis}lo {axis}hi" for edge, axis in zip(edges, "xyz", strict=True)]
    lines += ["", "Atoms", ""]
    for number, (t, r) in enumerate(zip(np.tile(types, len(shifts)), everything, strict=True)):
        lines.append(f"{number + 1} {t + 1} {r[0]:.10f} {r[1]:.10f} {r[2]:.10f}")
    path.write_text("\n".join(lines) + "\n")


def read_system(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates (nframes, natoms, 3) and cells (nframes, 3, 3) [Å], and types (natoms,)."""
    coord = np.load(folder / "set.000" / "coord.npy").astype(np.float64)
    box = np.load(folder / "set.000" / "box.npy").astype(np.float64)
    types = np.loadtxt(folder / "type.raw", dtype=int)
    return coord.reshape(len(coord), -1, 3), box.reshape(-1, 3, 3), types


def run_lammps(work: Path, model: Path, args: argparse.Namespace) -> str:
    """Runs `lmp` in the results' folder, shows what it says and gives it."""
    scripts = Path(sys.executable).parent
    command = [str(scripts / "lmp"), "-in", "in.water", "-var", "model", str(model)]
    command += ["-var", "steps", str(args.steps), "-var", "equilibration", str(args.equilibration)]
    if args.ranks > 1:
        command = [str(scripts / "mpirun"), "-np", str(args.ranks), *command]
    print(f"$ {' '.join(command)}", flush=True)
    environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    process = subprocess.Popen(
        command, cwd=work, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines = []
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line)
    if process.wait() != 0:
        sys.exit(f"`lmp` failed with exit code {process.returncode}, see above.")
    return "".join(lines)


def read_energies(log: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Time [ps], total energy [eV] and temperature [K] of the run at constant energy, the last one."""
    table = re.findall(r"^\s*Step\s+Temp.*?\n(.*?)^Loop time", log, re.MULTILINE | re.DOTALL)[-1]
    rows = np.array([[float(word) for word in line.split()] for line in table.splitlines() if line.strip()])
    return rows[:, 0] * FEMTOSECONDS / 1000, rows[:, 4], rows[:, 1]


def drift(time: np.ndarray, energy: np.ndarray) -> tuple[float, float]:
    """Slope of a line through the energies and its standard error [eV/ps]."""
    (slope, _), covariance = np.polyfit(time, energy, 1, cov=True)
    return float(slope), float(np.sqrt(covariance[0, 0]))


def read_dump(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates, cells and types, as `read_system`."""
    coord, box, types = [], [], np.zeros(0, dtype=int)
    lines = path.read_text().splitlines()
    natoms = int(lines[3])
    for start in range(0, len(lines), natoms + 9):
        edges = np.array([[float(word) for word in line.split()] for line in lines[start + 5 : start + 8]])
        atoms = np.array([line.split() for line in lines[start + 9 : start + 9 + natoms]], dtype=float)
        atoms = atoms[np.argsort(atoms[:, 0])]
        coord.append(atoms[:, 2:5] - edges[:, 0])
        box.append(np.diag(edges[:, 1] - edges[:, 0]))
        types = atoms[:, 1].astype(int) - 1
    return np.array(coord), np.array(box), types


def radial_distributions(coord: np.ndarray, box: np.ndarray, types: np.ndarray) -> dict[str, np.ndarray]:
    """g(r) of each pair of elements: rows of r [Å] and g, up to half the shortest edge of the cell."""
    largest = 0.5 * float(np.min(np.diagonal(box, axis1=1, axis2=2)))
    bins = np.linspace(0, largest, 120)
    centers, shells = 0.5 * (bins[1:] + bins[:-1]), 4 / 3 * np.pi * np.diff(bins**3)
    functions = {}
    for name, (a, b) in PAIRS.items():
        counts = np.zeros(len(centers))
        for r, cell in zip(coord, box, strict=True):
            edges = np.diag(cell)
            vectors = r[types == a][:, None] - r[types == b][None]
            distances = np.linalg.norm(vectors - edges * np.round(vectors / edges), axis=-1)
            counts += np.histogram(distances[distances > 1e-6], bins)[0] * np.prod(edges)
        pairs = len(coord) * np.sum(types == a) * (np.sum(types == b) - (a == b))
        functions[name] = np.stack([centers, counts / pairs / shells], axis=1)
    return functions


def training_distributions() -> dict[str, np.ndarray]:
    return radial_distributions(*read_system(SYSTEM))


def draw_energy(path: Path, time: np.ndarray, energy: np.ndarray) -> None:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    axes.plot(time, 1e6 * (energy - energy[0]))
    axes.set(xlabel="time (ps)", ylabel="total energy, change (µeV/atom)")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw_functions(path: Path, functions: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    from matplotlib import pyplot as plt

    figure, all_axes = plt.subplots(1, 3, figsize=(10, 3.5), layout="constrained")
    for axes, name in zip(all_axes, PAIRS, strict=True):
        axes.plot(*expected[name].T, label="training data, 300 K", color="0.6")
        axes.plot(*functions[name].T, label="LAMMPS")
        axes.set(xlabel=f"r, {name} (Å)", ylabel="g(r)", ylim=(0, 4))
    all_axes[0].legend()
    figure.savefig(path, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main()
