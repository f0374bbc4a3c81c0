# SPDX-License-Identifier: LGPL-3.0-or-later
"""The installed backends, what is tested of each, and which of them are compared with which."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

from deepmd.backend import Backend
from deepmd.backend.discovery import installed_backends
from deepmd_dp.conformance import BackendConformance, EvaluationConformance
from deepmd_dp.conformance.cases import FEW_CASES

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
FEWER = {"file_cases": FEW_CASES}
SETTINGS: dict[str, dict[str, Any]] = {
    "tf": FEWER,
    # .xlo is another name of .hlo; .savedmodel is an extra that needs TensorFlow
    "jax": FEWER
    | {
        "further_file_kinds": (".savedmodel",),
        "left_out": (".xlo",) if HAS_TENSORFLOW else (".xlo", ".savedmodel"),
    },
    "pd": FEWER,
}
"""Attributes of the suite's class that differ from its own: fewer models where each file takes seconds to write."""


def suite_of(flag: str) -> type[EvaluationConformance]:
    """The conformance suite of a backend, as a class for pytest: ``TestPt``."""
    base = BackendConformance if flag in TRAINING else EvaluationConformance
    return type(f"Test{flag.capitalize()}", (base,), {"flag": flag, **SETTINGS.get(flag, {})})


def pair_name(pair: object) -> str:
    """A test's name for a pair: ``tf-pt``."""
    return "-".join(pair) if isinstance(pair, tuple) else str(pair)
