# SPDX-License-Identifier: LGPL-3.0-or-later
"""NumPy's own forces and virials, which all others are compared with, against finite differences of its energies."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_dp.conformance.cases import CASES_DOUBLE
from deepmd_dp.conformance.comparison import DOUBLE, assert_close
from deepmd_dp.conformance.evaluation import parameters_of
from deepmd_dp.conformance.frames import FRAMES

STEP = 2e-5
TOLERANCE = 1e-6  # of central differences with this step
PERIODIC = [name for name, frames in FRAMES.items() if frames.cells is not None]


def energies(model, frames: str, displacement=0.0, strain=0.0) -> np.ndarray:
    """Energies of displaced and strained frames, (nframes,) [eV]."""
    chosen = FRAMES[frames]
    deformation = np.eye(3) + strain
    cells = None if chosen.cells is None else chosen.cells @ deformation
    coords = chosen.coords @ deformation + displacement
    return model.eval(coords, cells, chosen.atom_types, **parameters_of(model, frames))["energy"][:, 0]


@pytest.mark.parametrize("frames", FRAMES)
@pytest.mark.parametrize("case", CASES_DOUBLE, ids=str)
def test_forces(models, case, frames):
    model, force = models.reference(case), models.expected(case, frames)["force"]
    direction = np.random.default_rng(3).normal(size=force.shape)
    plus, minus = (energies(model, frames, displacement=sign * STEP * direction) for sign in (1, -1))
    assert_close((plus - minus) / (2 * STEP), -np.sum(force * direction, axis=(1, 2)), TOLERANCE, "dE/dx")


@pytest.mark.parametrize("frames", PERIODIC)
@pytest.mark.parametrize("case", CASES_DOUBLE, ids=str)
def test_virial(models, case, frames):
    """virial[a, b] = -dE/d(strain[b, a]) of r -> r (1 + strain)."""
    model, virial = models.reference(case), models.expected(case, frames)["virial"].reshape(-1, 3, 3)
    strain = np.random.default_rng(4).normal(size=(3, 3))
    plus, minus = (energies(model, frames, strain=sign * STEP * strain) for sign in (1, -1))
    assert_close((plus - minus) / (2 * STEP), -np.einsum("fab,ba->f", virial, strain), TOLERANCE, "dE/d(strain)")


@pytest.mark.parametrize("frames", FRAMES)
@pytest.mark.parametrize("case", CASES_DOUBLE, ids=str)
def test_sums(models, case, frames):
    """Atomic energies and virials add up, and nothing pushes the whole."""
    results = models.expected(case, frames)
    assert_close(results["atom_energy"].sum(axis=1), results["energy"], DOUBLE, "energy")
    assert_close(results["atom_virial"].sum(axis=1), results["virial"], DOUBLE, "virial")
    assert_close(results["force"].sum(axis=1), np.zeros((len(results["force"]), 3)), DOUBLE, "sum of forces")


@pytest.mark.parametrize("case", CASES_DOUBLE, ids=str)
def test_energy_depends_on_surroundings(models, case):
    """Otherwise the comparisons above would compare zeros."""
    results = models.expected(case, "periodic and triclinic")
    assert np.abs(results["force"]).max() > 1e-4
    assert np.ptp(results["energy"]) > 1e-4
