# SPDX-License-Identifier: LGPL-3.0-or-later
"""Makes the example's data: crystals of copper, strained and with atoms displaced, with energies, forces and stresses.

    python make_dataset.py                 # writes train.xyz and valid.xyz, some seconds
    python make_dataset.py --frames 10     # fewer frames

The labels are those of ASE's effective medium theory [1]_, in the place of a quantum-chemical program. Cells are
stretched and sheared, so that the model learns the pressure; atoms are displaced as far as they are between 0 and
1000 K.

References
----------
.. [1] K. W. Jacobsen, P. Stoltze, J. K. Nørskov, Surf. Sci. 366, 394 (1996).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import write

if TYPE_CHECKING:
    from ase import Atoms

STRAIN = 0.02
"""Root mean square of the components of the strain."""
DISPLACEMENT = 0.12
"""Largest root mean square of the components of the displacements [Å]."""


def frame(rng: np.random.Generator) -> Atoms:
    """A cubic cell of 32 atoms, deformed, with its calculator."""
    atoms = bulk("Cu", cubic=True).repeat(2)
    strain = STRAIN * rng.normal(size=(3, 3))
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + (strain + strain.T) / 2), scale_atoms=True)
    atoms.rattle(DISPLACEMENT * rng.random(), rng=rng)
    atoms.calc = EMT()
    return atoms


def main() -> None:
    """Writes the frames for training and, of other random numbers, those for validation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=200, help="frames for training")
    args = parser.parse_args()
    for name, seed, nframes in (("train", 1, args.frames), ("valid", 2, max(1, args.frames // 5))):
        rng = np.random.default_rng(seed)
        frames = [frame(rng) for _ in range(nframes)]
        for atoms in frames:
            # the calculator keeps what it has computed, and ASE writes that
            atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
        write(Path(f"{name}.xyz"), frames, columns=["symbols", "positions", "forces"])
        print(f"{name}.xyz: {nframes} frames of {len(frames[0])} atoms")


if __name__ == "__main__":
    main()
