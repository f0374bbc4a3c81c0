# SPDX-License-Identifier: LGPL-3.0-or-later
"""Makes the example's data: copper-gold clusters in extended XYZ, labelled by a classical potential.

    python make_dataset.py                 # writes train.xyz and valid.xyz, half a minute
    python make_dataset.py --frames 2      # fewer frames of each run

The potential is ASE's effective medium theory [1]_, which computes a frame in milliseconds. Molecular dynamics with a
thermostat heats each cluster from 100 to 1200 K; a frame is taken every 50 fs, after which the elements are shuffled,
so that the arrangements differ. Boundaries are open. Runs of 13 atoms have all compositions, so that there are more
compositions than a program likes that makes a folder of each.

References
----------
.. [1] K. W. Jacobsen, P. Stoltze, J. K. Nørskov, Surf. Sci. 366, 394 (1996).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase import units
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.cluster import Icosahedron
from ase.io import write
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution

if TYPE_CHECKING:
    from ase import Atoms

TEMPERATURES = (100.0, 1200.0)
"""At the start and at the end of a run [K]."""
BOND = 2.7
"""Distance of neighbors at the start [Å], between those of copper and of gold."""
STEPS = 10
"""Between two frames."""
TIME_STEP = 5.0
"""[fs]; metals move slowly."""
SHELLS = {2: range(14), 3: range(0, 56, 11)}
"""Shells of an icosahedron (2: 13 atoms, 3: 55) to the numbers of gold atoms that are made."""


def cluster(shells: int, ngold: int, rng: np.random.Generator) -> Atoms:
    """An icosahedron of copper with gold at random places, open boundaries."""
    atoms = Icosahedron("Cu", shells, latticeconstant=BOND * np.sqrt(2.0))
    atoms.symbols[rng.choice(len(atoms), ngold, replace=False)] = "Au"
    atoms.pbc = False
    return atoms


def heat(atoms: Atoms, nframes: int, rng: np.random.Generator) -> list[Atoms]:
    """Frames of a run that heats the cluster; each keeps the energy and the forces that the potential gave."""
    atoms.calc = EMT()
    frames = []
    for temperature in np.linspace(*TEMPERATURES, nframes):
        rng.shuffle(atoms.numbers)
        MaxwellBoltzmannDistribution(atoms, temperature_K=temperature, rng=rng)
        # anew for each, since it keeps the masses
        Langevin(atoms, TIME_STEP * units.fs, temperature_K=temperature, friction=0.05 / units.fs, rng=rng).run(STEPS)
        frame = atoms.copy()
        frame.calc = SinglePointCalculator(frame, energy=atoms.get_potential_energy(), forces=atoms.get_forces())
        frames.append(frame)
    return frames


def main() -> None:
    """Writes the runs for training and, of other random numbers, those for validation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=30, help="frames of each run for training")
    parser.add_argument("--output", type=Path, default=Path(), help="folder to write to")
    args = parser.parse_args()
    for name, seed, nframes in (("train", 1, args.frames), ("valid", 2, max(1, args.frames // 6))):
        rng = np.random.default_rng(seed)
        runs = [heat(cluster(shells, n, rng), nframes, rng) for shells, numbers in SHELLS.items() for n in numbers]
        frames = [frame for run in runs for frame in run]
        write(args.output / f"{name}.xyz", frames, columns=["symbols", "positions", "forces"])
        print(f"{name}.xyz: {len(frames)} frames of {len(runs)} clusters")


if __name__ == "__main__":
    main()
