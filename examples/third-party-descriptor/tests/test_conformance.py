# SPDX-License-Identifier: LGPL-3.0-or-later
"""The descriptor in all installed backends: trained, frozen, converted, evaluated, by what deepmd-dp brings."""

import os

from deepmd.backend.discovery import get_backend
from deepmd_dp.conformance import Case, model_suites

SMALL = {"type": "moment_tensor", "rcut": 4.0, "rcut_smth": 2.0, "sel": [9, 12], "channels": 3, "radial": 4}
DISTANCES = {"type": "se_e2_r", "rcut": 5.0, "sel": [20, 30], "neuron": [3, 6]}
CASES = [
    Case("moments", SMALL),
    Case(
        "moments without some pairs beside distances",
        {"type": "hybrid", "list": [{**SMALL, "exclude_types": [[0, 1]], "env_protection": 0.1}, DISTANCES]},
        {"numb_fparam": 1},
    ),
    Case("moments, dipole, float32", {**SMALL, "precision": "float32"}, {"type": "dipole", "precision": "float32"}),
]

globals().update(model_suites(CASES))


def test_required_backends_are_there():
    for flag in filter(None, os.environ.get("DEEPMD_REQUIRED_BACKENDS", "").split(",")):
        assert f"Test{flag.capitalize()}" in globals(), get_backend(flag)
