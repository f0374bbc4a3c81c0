# SPDX-License-Identifier: LGPL-3.0-or-later
"""Copper by ASE's effective medium theory: structures, labels, and an input that learns it a little."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import read, write

DP = str(Path(sys.executable).with_name("dp"))
"""The command, beside this Python."""


def rattled(repeats: int, seed: int, size: float = 0.1) -> Atoms:
    """Copper with all atoms displaced at random, by about ``size`` [Å]."""
    atoms = bulk("Cu", cubic=True).repeat(repeats)
    atoms.rattle(size, seed=seed)
    return atoms


def label(atoms: Atoms) -> Atoms:
    """The same with energy, forces and stress."""
    atoms = atoms.copy()
    atoms.calc = EMT()
    atoms.get_potential_energy()
    return atoms


def write_system(folder: Path, nframes: int = 8) -> None:
    """A data system of 32 atoms."""
    frames = [label(rattled(2, seed)) for seed in range(nframes)]
    (folder / "set.000").mkdir(parents=True)
    (folder / "type.raw").write_text("0\n" * len(frames[0]))
    (folder / "type_map.raw").write_text("Cu\n")
    arrays = {
        "coord": [atoms.positions for atoms in frames],
        "box": [atoms.cell.array for atoms in frames],
        "energy": [atoms.get_potential_energy() for atoms in frames],
        "force": [atoms.get_forces() for atoms in frames],
        "virial": [-atoms.get_volume() * atoms.get_stress(voigt=False) for atoms in frames],
    }
    for name, values in arrays.items():
        np.save(folder / "set.000" / f"{name}.npy", np.reshape(values, (nframes, -1)))


def training_input(steps: int, **training: Any) -> dict[str, Any]:
    """An input of a small model."""
    return {
        "model": {
            "type_map": ["Cu"],
            "descriptor": {
                "type": "se_e2_a",
                "sel": [60],
                "rcut": 4.0,
                "rcut_smth": 1.0,
                "neuron": [4, 8],
                "axis_neuron": 4,
            },
            "fitting_net": {"neuron": [16, 16]},
        },
        "learning_rate": {"type": "exp", "start_lr": 0.01, "stop_lr": 1e-4},
        "loss": {"start_pref_e": 1.0, "limit_pref_e": 1.0, "start_pref_f": 100.0, "limit_pref_f": 10.0},
        "training": {"numb_steps": steps, "disp_freq": 10, "save_freq": steps, **training},
    }


if __name__ == "__main__":
    # in the place of a DFT code: python copper.py IN.vasp OUT.traj
    write(sys.argv[2], label(read(sys.argv[1])))
