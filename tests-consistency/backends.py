# SPDX-License-Identifier: LGPL-3.0-or-later
"""The installed backends, what is tested of each, and which of them are compared with which."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

from deepmd.backend import Backend
from deepmd.backend.discovery import installed_backends
from deepmd_dp.conformance import BackendConformance, EvaluationConformance
from deepmd_dp.conformance.cases import FEW_CASES, FEW_CASES_DOUBLE, FEW_TRAINING_CASES
from deepmd_dp.conformance.reference_numbers import FEW_NAMES

REQUIRED = [flag for flag in os.environ.get("DEEPMD_REQUIRED_BACKENDS", "").split(",") if flag]
"""Flags of the backends whose absence is a failure, by the environment variable DEEPMD_REQUIRED_BACKENDS."""
BACKENDS = {flag: backend for flag, backend in installed_backends().items() if backend.is_available()}
TRAINING = sorted(
    (flag for flag, backend in BACKENDS.items() if Backend.Feature.ENTRY_POINT in backend.features),
    key=lambda flag: (flag != "pt", flag),
)
"""Those that train; the first is what the others are compared with."""
WITH_FIRST = [(flag, TRAINING[0]) for flag in TRAINING[1:]]
ORDERED_PAIRS = [(source, target) for source in TRAINING for target in TRAINING if source != target]

HAS_TENSORFLOW = find_spec("tensorflow") is not None
ALL_CASES = os.environ.get("DEEPMD_ALL_CASES") == "1"
"""Whether every model is tried in every way in every backend, by the environment variable of that name: an hour."""
FEWER: dict[str, Any] = {
    "file_cases": FEW_CASES,
    "reference_names": FEW_NAMES[::2],
    "every_file_of_deepmd_kit": False,
    "restart_cases": [case for case in FEW_TRAINING_CASES if case.name.startswith("se_e2_a: spins")],
}
FEWEST = FEWER | {
    "cases": FEW_CASES[::3],
    "gradient_cases": FEW_CASES_DOUBLE[:2],
    "training_cases": FEW_TRAINING_CASES,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "dp": {"reference_names": FEW_NAMES},
    "pt": {"file_cases": FEW_CASES, "reference_names": FEW_NAMES},
    "tf": FEWEST,
    "jax": FEWEST | {"reference_names": FEW_NAMES[1::2]},
    "pd": FEWER,
}
"""Attributes of the suite's class that differ from its own.

The models are the same code in every backend: all of them are tried in NumPy, PyTorch's checkpoints and, in its own
environment, MLX. Where a framework takes seconds to trace and compile each model, those are enough that use every
operation between them, from frozen files; checkpoints run as trainings do. test_gradients.py compares their gradients
with PyTorch's. Of deepmd-kit's models half is tried in each of these, all in NumPy, PyTorch and MLX; those that are
there for an option in NumPy, by deepmd-dp's own tests, and MLX. What a restart needs does not hang on the model.
"""
JAX_FILES = {
    # .xlo is another name of .hlo; .savedmodel is an extra that needs TensorFlow
    "further_file_kinds": (".savedmodel",),
    "left_out": (".xlo",) if HAS_TENSORFLOW else (".xlo", ".savedmodel"),
}


def suite_of(flag: str) -> type[EvaluationConformance]:
    """The conformance suite of a backend, as a class for pytest: ``TestPt``."""
    base = BackendConformance if flag in TRAINING else EvaluationConformance
    settings = ({} if ALL_CASES else SETTINGS.get(flag, {})) | (JAX_FILES if flag == "jax" else {})
    return type(f"Test{flag.capitalize()}", (base,), {"flag": flag, **settings})


def pair_name(pair: object) -> str:
    """A test's name for a pair: ``tf-pt``."""
    return "-".join(pair) if isinstance(pair, tuple) else str(pair)
