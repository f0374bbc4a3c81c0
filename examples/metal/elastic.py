# SPDX-License-Identifier: LGPL-3.0-or-later
"""Lattice constant and elastic constants of copper by a model, beside those of the potential that made the data.

    python elastic.py model.safetensors

It also writes a crystal of 256 atoms for LAMMPS, metal.lmp.
"""

from __future__ import annotations

import argparse

import numpy as np
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.io import write
from ase.optimize import BFGS

from deepmd.calculator import DP

STRAIN = 0.005
"""Of the deformations, in both directions."""


def relaxed(calculator: Calculator) -> Atoms:
    """The cubic cell without stress."""
    atoms = bulk("Cu", cubic=True)
    atoms.calc = calculator
    BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=1e-4, steps=args.steps)
    return atoms


def stress(atoms: Atoms, row: int, column: int, size: float) -> np.ndarray:
    """The stress [GPa] of a strained cell: xx, yy, zz, yz, xz, xy."""
    strain = np.zeros((3, 3))
    strain[row, column] += 0.5 * size
    strain[column, row] += 0.5 * size
    strained = atoms.copy()
    strained.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    strained.calc = atoms.calc
    return strained.get_stress() / units.GPa


def constants(calculator: Calculator) -> tuple[float, ...]:
    """Lattice constant [Å], C11, C12 and C44 [GPa]: stress by strain, by central differences."""
    atoms = relaxed(calculator)
    stretched, sheared = (
        (stress(atoms, *axes, STRAIN) - stress(atoms, *axes, -STRAIN)) / (2.0 * STRAIN) for axes in ((0, 0), (1, 2))
    )
    return atoms.cell.lengths()[0], stretched[0], stretched[1], sheared[3]


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("model")
parser.add_argument("--steps", type=int, default=100, help="most steps of the relaxation")
args = parser.parse_args()

write("metal.lmp", bulk("Cu", cubic=True).repeat(4), format="lammps-data", specorder=["Cu"], masses=True)
print("                a, Å   C11    C12    C44  GPa")
for name, calculator in (("model", DP(args.model)), ("EMT", EMT())):
    print(f"{name:12} {{:7.3f}} {{:6.1f}} {{:6.1f}} {{:6.1f}}".format(*constants(calculator)))
