# SPDX-License-Identifier: LGPL-3.0-or-later
"""Molecular dynamics of a cluster in ASE, and how far its forces are from the potential that made the data.

    python md.py model.safetensors [--steps 1000]

Half of the 55 atoms are gold, a composition that the data do not have.
"""

from __future__ import annotations

import argparse

import numpy as np
from ase import units
from ase.calculators.emt import EMT
from ase.io import write
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from make_dataset import cluster

from deepmd.calculator import DP

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("model")
parser.add_argument("--steps", type=int, default=1000, help="steps of 5 fs")
args = parser.parse_args()

rng = np.random.default_rng(3)
atoms = cluster(3, 27, rng)
atoms.center(vacuum=8.0)  # a cell for LAMMPS; boundaries stay open
write("cluster.lmp", atoms, format="lammps-data", specorder=["Cu", "Au"], masses=True)

atoms.calc = DP(args.model)
MaxwellBoltzmannDistribution(atoms, temperature_K=600.0, rng=rng)
dynamics = Langevin(atoms, 5.0 * units.fs, temperature_K=600.0, friction=0.01 / units.fs, rng=rng)
differences = []
print("    ps      K   eV/atom   RMSE of the forces, meV/Å")
for _ in range(10):
    dynamics.run(max(1, args.steps // 10))
    reference = atoms.copy()
    reference.calc = EMT()
    differences.append(1000.0 * (atoms.get_forces() - reference.get_forces()))
    energy = atoms.get_potential_energy() / len(atoms)
    time, temperature = dynamics.get_time() / units.fs / 1000.0, atoms.get_temperature()
    print(f"{time:6.2f} {temperature:6.0f} {energy:9.4f}   {np.sqrt(np.mean(differences[-1] ** 2)):6.1f}")
print(f"RMSE of all forces: {np.sqrt(np.mean(np.square(differences))):.1f} meV/Å")
