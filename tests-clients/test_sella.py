# SPDX-License-Identifier: LGPL-3.0-or-later
"""sella: a minimum and a saddle point."""

from __future__ import annotations

import numpy as np
from ase.build import bulk
from copper import rattled
from sella import Sella


def test_a_minimum(calculator):
    atoms = rattled(2, 3)
    atoms.calc = calculator
    before = atoms.get_potential_energy()
    assert Sella(atoms, order=0, logfile=None).run(fmax=0.05, steps=100)
    assert atoms.get_potential_energy() < before
    assert np.linalg.norm(atoms.get_forces(), axis=1).max() < 0.05


def test_the_way_to_a_saddle_point(calculator):
    """A vacancy's neighbor moves to it."""
    atoms = bulk("Cu", cubic=True).repeat(2)
    hole = atoms.positions[0].copy()
    neighbor = int(np.argsort(atoms.get_distances(0, range(len(atoms)), mic=True))[1])
    atoms.positions[neighbor] += 0.4 * (hole - atoms.positions[neighbor])
    del atoms[0]
    atoms.calc = calculator
    steps = Sella(atoms, order=1, logfile=None)
    steps.run(fmax=0.05, steps=20)
    assert np.isfinite(atoms.get_forces()).all()
    assert steps.nsteps > 0
