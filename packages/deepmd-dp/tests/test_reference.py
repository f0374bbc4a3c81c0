# SPDX-License-Identifier: LGPL-3.0-or-later
"""deepmd-kit's models give deepmd-kit's numbers (of release 3.2.0, --pt)."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import load_case

from deepmd_dp.conformance.reference_numbers import FEW_NAMES, MESSAGE_PASSING, NAMES
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.numpy_backend.deep_eval import NumpyDeepEval


@pytest.mark.parametrize("boundary", ["pbc", "nopbc"])
def test_atomic_energies(case, library, boundary):
    env = build_environment(case.model, case.coord, case.box_of(boundary), case.atype)
    parameters = {name: library.xp.asarray(value) for name, value in case.parameters.items()}
    energy = library.convert(case.model)(library.convert(env), **parameters)["energy"]
    expected = case.numbers[f"{boundary}_atom_energy"]
    np.testing.assert_allclose(library.to_numpy(energy), expected, rtol=0.0, atol=case.tolerance)


@pytest.mark.parametrize("boundary", ["pbc", "nopbc"])
def test_forces_and_virials(case, boundary):
    check_forces_and_virials(case, boundary)


@pytest.mark.parametrize("boundary", ["pbc", "nopbc"])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in FEW_NAMES])
def test_options(name, boundary):
    """The suite tries these in NumPy only here."""
    check_forces_and_virials(load_case(name), boundary)


def check_forces_and_virials(case, boundary):
    deep_eval = NumpyDeepEval(str(case.path), native=False)
    output = deep_eval.eval(case.coord, case.box_of(boundary), case.atype, atomic=True, **case.parameters)
    for name in ("energy", "atom_energy", "force", "virial", "atom_virial"):
        if name == "atom_virial" and case.name.startswith(MESSAGE_PASSING):
            continue
        expected = case.numbers[f"{boundary}_{name}"]
        np.testing.assert_allclose(output[name], expected, rtol=0.0, atol=10 * case.tolerance, err_msg=name)
