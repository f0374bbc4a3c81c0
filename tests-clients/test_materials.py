# SPDX-License-Identifier: LGPL-3.0-or-later
"""pymatgen's structures and matcalc's properties by our calculator."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from copper import rattled
from matcalc import ElasticityCalc, EOSCalc, RelaxCalc
from pymatgen.io.ase import AseAtomsAdaptor


@pytest.fixture(scope="module")
def structure():
    """Copper as pymatgen has it."""
    return AseAtomsAdaptor.get_structure(bulk("Cu", cubic=True))


def test_pymatgen_takes_what_the_calculator_gives(calculator):
    atoms = rattled(2, 5)
    atoms.calc = calculator
    structure = AseAtomsAdaptor.get_structure(atoms)
    again = AseAtomsAdaptor.get_atoms(structure)
    again.calc = calculator
    assert again.get_potential_energy() == pytest.approx(atoms.get_potential_energy(), abs=1e-8)


def test_pymatgen_relaxes_a_structure(calculator, structure):
    strained = structure.copy()
    strained.apply_strain(0.02)
    relaxed = AseAtomsAdaptor.get_atoms(strained.relax(calculator, fmax=0.01, steps=200, verbose=False))
    relaxed.calc = calculator
    assert np.abs(relaxed.get_stress()).max() < 1e-2


def test_matcalc(calculator, structure):
    relaxed = RelaxCalc(calculator, fmax=0.01, max_steps=200).calc(structure)
    assert np.isfinite(relaxed["energy"])
    state = EOSCalc(calculator, relax_structure=False, n_points=5).calc(relaxed["final_structure"])
    assert np.isfinite(state["bulk_modulus_bm"])
    elastic = ElasticityCalc(calculator, relax_structure=False, relax_deformed_structures=False)
    assert np.isfinite(elastic.calc(relaxed["final_structure"])["elastic_tensor"].voigt).all()
