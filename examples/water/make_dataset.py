#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Make the liquid-water dataset of the quickstart.

A periodic box of 32 water molecules (96 atoms) is sampled by Langevin molecular
dynamics (MD) and every sampled frame is labelled with its energy, atomic forces and
virial by GFN1-xTB [1]_, computed with ``tblite``.

Most frames come from MD with a flexible point-charge model, SPC/Fw [2]_, whose bond
length and angle are shifted to those of GFN1-xTB and whose electrostatics is the
damped shifted force method [3]_. Some come from short GFN1-xTB MD runs, started from
the end of such a run, so that the data also covers the ensemble of the labelling
method.

The result is a set of systems in the DeePMD NumPy format, one folder for each::

    <output>/train_0/type.raw          type index of every atom
    <output>/train_0/type_map.raw      chemical symbol of every type (O, H)
    <output>/train_0/set.000/coord.npy   (nframes, natoms * 3), angstrom
    <output>/train_0/set.000/box.npy     (nframes, 9), angstrom, cell vectors as rows
    <output>/train_0/set.000/energy.npy  (nframes,), eV
    <output>/train_0/set.000/force.npy   (nframes, natoms * 3), eV/angstrom
    <output>/train_0/set.000/virial.npy  (nframes, 9), eV

The virial is ``-dE/d(strain)``, where a strain ``s`` maps every atom and cell vector
``r`` to ``(1 + s) r``. It is ``-volume * stress`` with the sign of ASE's stress, which
is positive under tension. ``--check`` verifies it, and the forces, by finite
differences of the energy.

Usage::

    python make_dataset.py                       # sample, label, write everything
    python make_dataset.py --systems valid       # only this system
    python make_dataset.py --check train_0       # finite differences of one frame
    python make_dataset.py --report              # statistics, as a Markdown table

A stopped run is resumed by the same command: finished MD runs and labelled frames are
kept in the work folder. Systems are independent, thus several processes can make
different ones at the same time. Each process is best given one thread
(``OMP_NUM_THREADS=1``).

References
----------
.. [1] S. Grimme, C. Bannwarth, P. Shushkov, J. Chem. Theory Comput. 13, 1989 (2017).
.. [2] Y. Wu, H. L. Tepper, G. A. Voth, J. Chem. Phys. 124, 024503 (2006).
.. [3] C. J. Fennell, J. D. Gezelter, J. Chem. Phys. 124, 234104 (2006).
"""

from __future__ import annotations

import argparse
import logging
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.geometry import find_mic
from ase.md.langevin import Langevin
from numpy.typing import NDArray
from scipy.special import erfc
from tblite.ase import TBLite

Array = NDArray[np.floating]

log = logging.getLogger("water")

TYPE_MAP = ("O", "H")
NUM_MOLECULES = 32
CELL_LENGTH = 9.865
"""Cell length at a density of 0.997 g/cm3, in angstrom."""

KCAL = units.kcal / units.mol
COULOMB = units.Hartree * units.Bohr
"""The Coulomb constant, in eV angstrom / e^2."""


# --- the classical water model -------------------------------------------------------


@dataclass(frozen=True)
class WaterModel:
    """Parameters of SPC/Fw, its equilibrium geometry shifted towards GFN1-xTB.

    The published equilibrium bond length and angle are 1.012 angstrom and 113.24
    degrees. The ones here give the liquid about the mean geometry of GFN1-xTB.

    Attributes
    ----------
    bond_length, bond_constant
        Bond length (angstrom) and force constant (eV/angstrom^2) of k/2 (r - r0)^2.
    angle, angle_constant
        Angle (rad) and force constant (eV/rad^2) of k/2 (theta - theta0)^2.
    epsilon, sigma
        Lennard-Jones well depth (eV) and diameter (angstrom) between oxygen atoms.
    charge_hydrogen
        Charge of a hydrogen atom, in e; an oxygen atom has minus twice as much.
    damping
        Damping of the Coulomb interaction, in 1/angstrom.
    """

    bond_length: float = 0.957
    bond_constant: float = 1059.162 * KCAL
    angle: float = float(np.radians(109.5))
    angle_constant: float = 75.90 * KCAL
    epsilon: float = 0.1554253 * KCAL
    sigma: float = 3.165492
    charge_hydrogen: float = 0.41
    damping: float = 0.2


class FlexibleWater(Calculator):
    """ASE calculator of a flexible three-site water model in an orthorhombic cell.

    The atoms have to be ordered O, H, H for every molecule. Interactions between
    molecules are cut off at half the shortest cell length.

    Parameters
    ----------
    num_molecules
        Number of molecules.
    model
        Parameters of the model.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]

    def __init__(self, num_molecules: int, model: WaterModel | None = None) -> None:
        super().__init__()
        self.model = model or WaterModel()
        num_atoms = 3 * num_molecules
        first, second = np.triu_indices(num_atoms, k=1)
        between = first // 3 != second // 3
        self.pairs = first[between], second[between]
        q = np.tile([-2.0, 1.0, 1.0], num_molecules) * self.model.charge_hydrogen
        oxygen = np.arange(num_atoms) % 3 == 0
        self.pair_charges = COULOMB * q[self.pairs[0]] * q[self.pairs[1]]
        self.pair_epsilon = self.model.epsilon * (oxygen[self.pairs[0]] & oxygen[self.pairs[1]])

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Compute the energy and the forces of `atoms`."""
        super().calculate(atoms, properties, system_changes)
        molecules = self.atoms.positions.reshape(-1, 3, 3)
        terms = [
            self._bonds(molecules),
            self._angles(molecules),
            self._between_molecules(self.atoms.positions, self.atoms.cell.lengths()),
        ]
        self.results["energy"] = float(sum(energy for energy, _ in terms))
        self.results["forces"] = sum(forces.reshape(-1, 3) for _, forces in terms)

    def _bonds(self, molecules: Array) -> tuple[float, Array]:
        """Return the energy and the forces of the O-H bonds."""
        vector = molecules[:, 1:] - molecules[:, :1]
        length = np.linalg.norm(vector, axis=-1, keepdims=True)
        stretch = length - self.model.bond_length
        force = -self.model.bond_constant * stretch * vector / length
        energy = 0.5 * self.model.bond_constant * np.sum(stretch**2)
        return energy, np.concatenate([-force.sum(1, keepdims=True), force], axis=1)

    def _angles(self, molecules: Array) -> tuple[float, Array]:
        """Return the energy and the forces of the H-O-H angles."""
        vector = molecules[:, 1:] - molecules[:, :1]
        length = np.linalg.norm(vector, axis=-1, keepdims=True)
        unit = vector / length
        cosine = np.sum(unit[:, 0] * unit[:, 1], axis=-1)
        bend = np.arccos(cosine) - self.model.angle
        slope = (self.model.angle_constant * bend / np.sqrt(1.0 - cosine**2))[:, None, None]
        force = slope * (unit[:, ::-1] - cosine[:, None, None] * unit) / length
        energy = 0.5 * self.model.angle_constant * np.sum(bend**2)
        return energy, np.concatenate([-force.sum(1, keepdims=True), force], axis=1)

    def _between_molecules(self, positions: Array, cell: Array) -> tuple[float, Array]:
        """Return the energy and the forces of the pairs of different molecules."""
        first, second = self.pairs
        vector = positions[second] - positions[first]
        vector -= cell * np.round(vector / cell)
        length = np.linalg.norm(vector, axis=-1)
        cutoff = 0.5 * cell.min()
        near = np.flatnonzero(length < cutoff)
        energy, slope = self._shifted_pair(length[near], cutoff, near)
        force = (-slope / length[near])[:, None] * vector[near]
        return energy.sum(), self._scatter(force, first[near], second[near], len(positions))

    def _shifted_pair(self, r: Array, cutoff: float, pair: Array) -> tuple[Array, Array]:
        """Return pair energies and derivatives, both shifted to zero at the cutoff."""
        energy, slope = self._pair(r, pair)
        energy_cut, slope_cut = self._pair(cutoff, pair)
        return energy - energy_cut - slope_cut * (r - cutoff), slope - slope_cut

    def _pair(self, r: Array | float, pair: Array) -> tuple[Array, Array]:
        """Return Lennard-Jones plus damped Coulomb energies and their derivatives."""
        damped = self.model.damping * r
        power = (self.model.sigma / r) ** 6
        epsilon, charges = self.pair_epsilon[pair], self.pair_charges[pair]
        gaussian = 2.0 / np.sqrt(np.pi) * self.model.damping * np.exp(-(damped**2))
        coulomb = charges * erfc(damped) / r
        energy = 4.0 * epsilon * (power**2 - power) + coulomb
        slope = -24.0 * epsilon * (2.0 * power**2 - power) / r
        return energy, slope - (coulomb + charges * gaussian) / r

    @staticmethod
    def _scatter(force: Array, first: Array, second: Array, num_atoms: int) -> Array:
        """Sum pair forces on the second atoms and their reactions on the first."""
        index = np.concatenate([first, second])
        both = np.concatenate([-force, force])
        sums = [np.bincount(index, both[:, axis], minlength=num_atoms) for axis in range(3)]
        return np.stack(sums, axis=-1)


# --- sampling ------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One MD run, which supplies frames to one system.

    Attributes
    ----------
    system
        Name of the system (an output folder) that the frames go to.
    temperature
        Temperature of the thermostat, in K.
    frames
        Number of frames at ``--frame-factor 1``.
    cell_scale
        Factor on the cell length of the experimental density.
    xtb
        Whether the frames come from GFN1-xTB MD rather than classical MD.
    """

    system: str
    temperature: float
    frames: int
    cell_scale: float = 1.0
    xtb: bool = False


RUNS = (
    Run("train_0", 300.0, 60),
    Run("train_1", 400.0, 60),
    Run("train_2", 600.0, 24, cell_scale=0.97),
    Run("train_2", 600.0, 24, cell_scale=1.00),
    Run("train_2", 600.0, 24, cell_scale=1.03),
    Run("train_3", 330.0, 40, xtb=True),
    Run("train_4", 500.0, 40),
    Run("valid", 300.0, 8),
    Run("valid", 400.0, 8),
    Run("valid", 600.0, 8),
    Run("valid", 400.0, 16, xtb=True),
)


@dataclass(frozen=True)
class Schedule:
    """Lengths of MD in fs, and the friction of its thermostat in 1/fs."""

    equilibration: float
    interval: float
    friction: float


MELTING = Schedule(3000.0, 0.0, 0.02)
CLASSICAL = Schedule(5000.0, 600.0, 0.01)
XTB = Schedule(60.0, 10.0, 0.02)
MELTING_TEMPERATURE = 700.0
TIMESTEP = 1.0
"""Time step of MD, in fs."""


def initial_box(cell_length: float, rng: np.random.Generator) -> Atoms:
    """Place the molecules on a face-centred cubic lattice with random orientations."""
    grid = np.indices((4, 4, 4)).reshape(3, -1).T
    sites = grid[grid.sum(axis=1) % 2 == 0] * cell_length / 4
    molecule = water_molecule(WaterModel())
    coord = np.concatenate([site + molecule @ random_rotation(rng).T for site in sites])
    return make_atoms(coord, cell_length * np.eye(3))


def water_molecule(model: WaterModel) -> Array:
    """Return the coordinates of a molecule at equilibrium, oxygen at the origin."""
    half = 0.5 * model.angle
    x, y = model.bond_length * np.array([np.sin(half), np.cos(half)])
    return np.array([[0.0, 0.0, 0.0], [x, y, 0.0], [-x, y, 0.0]])


def random_rotation(rng: np.random.Generator) -> Array:
    """Return a uniformly random rotation matrix."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    q[:, 0] *= np.linalg.det(q)
    return q


def advance(atoms: Atoms, schedule: Schedule, duration: float, temperature: float, rng: np.random.Generator) -> None:
    """Propagate `atoms` for `duration` fs by Langevin MD."""
    dynamics = Langevin(
        atoms,
        TIMESTEP * units.fs,
        temperature_K=temperature,
        friction=schedule.friction / units.fs,
        fixcm=False,
        rng=rng,
    )
    dynamics.run(round(duration / TIMESTEP))


def sample(run: Run, num_frames: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Run MD and return its frames.

    Parameters
    ----------
    run
        The MD run.
    num_frames
        Number of frames to take.
    rng
        Source of the initial state and of the thermostat's noise.

    Returns
    -------
    coord
        Coordinates, (num_frames, natoms, 3), float32, in angstrom, wrapped by molecule.
    box
        Cell vectors, (num_frames, 3, 3), float32, in angstrom.
    """
    atoms = initial_box(run.cell_scale * CELL_LENGTH, rng)
    atoms.calc = FlexibleWater(NUM_MOLECULES)
    advance(atoms, MELTING, MELTING.equilibration, MELTING_TEMPERATURE, rng)
    advance(atoms, CLASSICAL, CLASSICAL.equilibration, run.temperature, rng)
    if run.xtb:
        atoms.calc = xtb_calculator(accuracy=1.0)
        advance(atoms, XTB, XTB.equilibration, run.temperature, rng)
    return collect(atoms, run, num_frames, rng)


def collect(atoms: Atoms, run: Run, num_frames: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Take frames from equilibrated `atoms`; see `sample`."""
    schedule = XTB if run.xtb else CLASSICAL
    coord = np.empty((num_frames, len(atoms), 3), np.float32)
    for frame in range(num_frames):
        advance(atoms, schedule, schedule.interval, run.temperature, rng)
        coord[frame] = wrap_molecules(atoms)
        if run.xtb:
            log.info("%s: MD frame %d of %d", describe_run(run), frame + 1, num_frames)
    box = np.tile(atoms.cell.array.astype(np.float32), (num_frames, 1, 1))
    return coord, box


def wrap_molecules(atoms: Atoms) -> Array:
    """Return coordinates with every oxygen atom in the cell and whole molecules."""
    molecules = atoms.positions.reshape(-1, 3, 3)
    cell = atoms.cell.lengths()
    return (molecules - cell * np.floor(molecules[:, :1] / cell)).reshape(-1, 3)


# --- labelling -----------------------------------------------------------------------


def xtb_calculator(accuracy: float = 0.1) -> Calculator:
    """Return the GFN1-xTB calculator; `accuracy` scales its convergence thresholds."""
    return TBLite(method="GFN1-xTB", accuracy=accuracy, verbosity=0)


def label(atoms: Atoms) -> dict[str, Array]:
    """Return the energy, the forces and the virial of `atoms`, in eV and angstrom."""
    return {
        "energy": np.asarray(atoms.get_potential_energy(), np.float64),
        "force": atoms.get_forces().astype(np.float32),
        "virial": (-atoms.get_volume() * atoms.get_stress(voigt=False)).astype(np.float32),
    }


def make_atoms(coord: Array, box: Array) -> Atoms:
    """Return the atoms of one frame."""
    symbols = ["O", "H", "H"] * (coord.size // 9)
    return Atoms(symbols, coord.reshape(-1, 3), cell=box.reshape(3, 3), pbc=True)


def label_frames(frames: dict[str, Array], path: Path, title: str) -> dict[str, Array]:
    """Label the frames that `path` does not hold yet, saving every ten frames.

    Parameters
    ----------
    frames
        Arrays ``coord`` and ``box``.
    path
        Archive of the labels.
    title
        Name of the frames in the log.

    Returns
    -------
    dict
        `frames` and the labels, by name.
    """
    labels = [] if not path.exists() else unstack(load_arrays(path))
    num_frames = len(frames["coord"])
    atoms = make_atoms(frames["coord"][0], frames["box"][0])
    atoms.calc = xtb_calculator()
    for frame in range(len(labels), num_frames):
        atoms.set_cell(frames["box"][frame])
        atoms.set_positions(frames["coord"][frame])
        labels.append(label(atoms))
        if len(labels) % 10 == 0 or len(labels) == num_frames:
            save_arrays(path, stack(labels))
            log.info("%s: labelled %d of %d frames", title, len(labels), num_frames)
    return frames | stack(labels)


def stack(labels: Sequence[dict[str, Array]]) -> dict[str, Array]:
    """Turn a list of labelled frames into arrays over the frames."""
    return {name: np.stack([entry[name] for entry in labels]) for name in labels[0]}


def unstack(arrays: dict[str, Array]) -> list[dict[str, Array]]:
    """Turn arrays over the frames into a list of labelled frames."""
    num_frames = len(next(iter(arrays.values())))
    return [{name: array[i] for name, array in arrays.items()} for i in range(num_frames)]


# --- files ---------------------------------------------------------------------------


def load_arrays(path: Path) -> dict[str, Array]:
    """Read the arrays of a ``.npz`` file."""
    with np.load(path) as archive:
        return dict(archive)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` once it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        yield file
    os.replace(temporary, path)


def save_arrays(path: Path, arrays: dict[str, Array]) -> None:
    """Write arrays to a ``.npz`` file."""
    with replacing(path) as file:
        np.savez(file, **arrays)


def write_text(path: Path, lines: Iterable[object]) -> None:
    """Write a text file with one item per line."""
    with replacing(path) as file:
        file.write("".join(f"{line}\n" for line in lines).encode())


def write_system(folder: Path, arrays: dict[str, Array]) -> None:
    """Write one system in the DeePMD NumPy format.

    Parameters
    ----------
    folder
        Folder of the system.
    arrays
        ``coord``, ``box``, ``energy``, ``force`` and ``virial``, over the frames.
    """
    num_frames, num_atoms = arrays["coord"].shape[:2]
    write_text(folder / "type.raw", [0, 1, 1] * (num_atoms // 3))
    write_text(folder / "type_map.raw", TYPE_MAP)
    for name, array in arrays.items():
        shape = (num_frames,) if name == "energy" else (num_frames, -1)
        with replacing(folder / "set.000" / f"{name}.npy") as file:
            np.save(file, array.reshape(shape))


def read_system(folder: Path) -> dict[str, Array]:
    """Read the arrays of a system that `write_system` wrote."""
    return {path.stem: np.load(path) for path in sorted(folder.glob("set.000/*.npy"))}


# --- making --------------------------------------------------------------------------


def describe_run(run: Run) -> str:
    """Return a short name of a run, such as ``valid 400 K GFN1-xTB``."""
    driver = "GFN1-xTB" if run.xtb else "classical"
    return f"{run.system} {run.temperature:.0f} K {driver} x{run.cell_scale:.2f}"


def make_run(index: int, options: argparse.Namespace) -> dict[str, Array]:
    """Sample and label the frames of ``RUNS[index]``, or what is left to do of it."""
    run = RUNS[index]
    num_frames = max(1, round(run.frames * options.frame_factor))
    stem = f"run{index}-seed{options.seed}-frames{num_frames}"
    samples = options.work / f"{stem}-samples.npz"
    if not samples.exists():
        start = time.perf_counter()
        coord, box = sample(run, num_frames, np.random.default_rng([options.seed, index]))
        save_arrays(samples, {"coord": coord, "box": box})
        log.info("%s: MD took %.0f s", describe_run(run), time.perf_counter() - start)
    return label_frames(load_arrays(samples), options.work / f"{stem}-labels.npz", describe_run(run))


def make_system(name: str, options: argparse.Namespace) -> None:
    """Make one system from all of its runs and write it."""
    parts = [make_run(i, options) for i, run in enumerate(RUNS) if run.system == name]
    arrays = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    write_system(options.output / name, arrays)
    log.info("%s: wrote %d frames", name, len(arrays["energy"]))


# --- checks --------------------------------------------------------------------------


def strained_energy(atoms: Atoms, strain: Array) -> float:
    """Return the energy of `atoms` under a strain."""
    strained = atoms.copy()
    strained.set_cell(atoms.cell.array @ (np.eye(3) + strain).T, scale_atoms=True)
    strained.calc = atoms.calc
    return strained.get_potential_energy()


def numerical_virial(atoms: Atoms, step: float = 1e-3) -> Array:
    """Return ``-dE/d(strain)`` by central differences over symmetric strains."""
    virial = np.zeros((3, 3))
    for a, b in zip(*np.triu_indices(3), strict=True):
        strain = np.zeros((3, 3))
        strain[a, b] += 0.5 * step
        strain[b, a] += 0.5 * step
        difference = strained_energy(atoms, strain) - strained_energy(atoms, -strain)
        virial[a, b] = virial[b, a] = -difference / (2.0 * step)
    return virial


def displaced_energy(atoms: Atoms, atom: int, axis: int, shift: float) -> float:
    """Return the energy of `atoms` with one coordinate shifted."""
    displaced = atoms.copy()
    displaced.positions[atom, axis] += shift
    displaced.calc = atoms.calc
    return displaced.get_potential_energy()


def numerical_force(atoms: Atoms, atom: int, axis: int, step: float = 2e-3) -> float:
    """Return one force component by a central difference."""
    forward = displaced_energy(atoms, atom, axis, step)
    return -(forward - displaced_energy(atoms, atom, axis, -step)) / (2.0 * step)


def check_frame(folder: Path, num_components: int = 12) -> tuple[float, float]:
    """Compare the labels of the first frame of a system with finite differences.

    Returns
    -------
    force_error
        Largest error of `num_components` force components, in eV/angstrom.
    virial_error
        Largest error of the virial, in eV.
    """
    frame = {name: array[0] for name, array in read_system(folder).items()}
    atoms = make_atoms(frame["coord"], frame["box"])
    atoms.calc = xtb_calculator(accuracy=0.01)
    force = frame["force"].reshape(-1, 3)
    picks = np.random.default_rng(0).integers((len(atoms), 3), size=(num_components, 2))
    errors = [abs(numerical_force(atoms, i, axis) - force[i, axis]) for i, axis in picks]
    virial = frame["virial"].reshape(3, 3)
    return max(errors), float(np.abs(numerical_virial(atoms) - virial).max())


# --- statistics ----------------------------------------------------------------------


def bond_lengths(coord: Array) -> Array:
    """Return all O-H bond lengths of whole molecules, in angstrom."""
    molecules = coord.reshape(-1, 3, 3)
    return np.linalg.norm(molecules[:, 1:] - molecules[:, :1], axis=-1).ravel()


def bond_angles(coord: Array) -> Array:
    """Return all H-O-H angles of whole molecules, in degrees."""
    molecules = coord.reshape(-1, 3, 3)
    first, second = np.moveaxis(molecules[:, 1:] - molecules[:, :1], 1, 0)
    norms = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    return np.degrees(np.arccos(np.sum(first * second, axis=-1) / norms))


def shortest_contact(coord: Array, box: Array) -> float:
    """Return the shortest distance of atoms of different molecules, in angstrom."""
    positions = coord.reshape(-1, 3)
    first, second = np.triu_indices(len(positions), k=1)
    between = first // 3 != second // 3
    vector = positions[second[between]] - positions[first[between]]
    return float(find_mic(vector, box.reshape(3, 3))[1].min())


def report_row(name: str, arrays: dict[str, Array]) -> str:
    """Return the statistics of one system as a row of a Markdown table."""
    frames, force = len(arrays["energy"]), arrays["force"]
    energy = arrays["energy"] / (force.shape[1] // 3)
    volume = np.linalg.det(arrays["box"].reshape(-1, 3, 3))
    pressure = arrays["virial"][:, ::4].mean(axis=1) / volume / units.GPa
    length, angle = bond_lengths(arrays["coord"]), bond_angles(arrays["coord"])
    contact = min(map(shortest_contact, arrays["coord"], arrays["box"]))
    cells = [
        f"`{name}`",
        f"{frames}",
        f"{energy.mean():.4f} ± {energy.std():.4f}",
        f"{np.sqrt((force**2).mean()):.2f}",
        f"{np.abs(force).max():.1f}",
        f"{pressure.mean():.1f} ± {pressure.std():.1f}",
        f"{length.mean():.3f} ± {length.std():.3f}",
        f"{length.min():.2f} to {length.max():.2f}",
        f"{angle.mean():.1f} ± {angle.std():.1f}",
        f"{contact:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def report(output: Path) -> str:
    """Return the statistics of all systems in `output` as a Markdown table."""
    titles = [
        "system",
        "frames",
        "energy per atom (eV)",
        "force RMS (eV/Å)",
        "force max (eV/Å)",
        "virial pressure (GPa)",
        "O-H bond (Å)",
        "range (Å)",
        "H-O-H angle (°)",
        "contact (Å)",
    ]
    names = [name for name in system_names() if (output / name).is_dir()]
    rows = [report_row(name, read_system(output / name)) for name in names]
    return "\n".join([f"| {' | '.join(titles)} |", "|---" * len(titles) + "|", *rows])


# --- command line --------------------------------------------------------------------


def system_names() -> list[str]:
    """Return the names of all systems, in order."""
    return list(dict.fromkeys(run.system for run in RUNS))


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    here = Path(__file__).resolve().parent
    names = system_names()
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--output", type=Path, default=here / "data", help="folder of the systems")
    parser.add_argument("--work", type=Path, default=here / "work", help="folder of partial results")
    parser.add_argument("--seed", type=int, default=1, help="seed of the MD runs")
    parser.add_argument("--frame-factor", type=float, default=1.0, help="factor on the numbers of frames")
    parser.add_argument("--systems", nargs="+", choices=names, default=names, help="what to make")
    parser.add_argument("--check", choices=names, help="check a frame by finite differences")
    parser.add_argument("--report", action="store_true", help="print statistics of the systems")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the dataset, or check or describe it."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if options.check:
        force_error, virial_error = check_frame(options.output / options.check)
        print(f"force error {force_error:.1e} eV/Å, virial error {virial_error:.1e} eV")
    elif options.report:
        print(report(options.output))
    else:
        for name in options.systems:
            make_system(name, options)


if __name__ == "__main__":
    main()
