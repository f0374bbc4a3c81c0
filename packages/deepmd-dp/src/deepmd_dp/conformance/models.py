# SPDX-License-Identifier: LGPL-3.0-or-later
"""A model in all installed backends: what a third party's descriptor, fitting or kind of model is tested by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.backend import Backend
from deepmd.backend.discovery import installed_backends
from deepmd_dp.conformance.conversion import ConversionTests
from deepmd_dp.conformance.derivatives import DerivativeTests
from deepmd_dp.conformance.gradients import GradientTests
from deepmd_dp.conformance.inference import InferenceTests
from deepmd_dp.conformance.training_steps import FirstStepTests
from deepmd_dp.conformance.workflow import WorkflowTests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepmd_dp.conformance.cases import Case
    from deepmd_dp.conformance.parts import Part


class EvaluatedModels(InferenceTests, ConversionTests):
    """What models must pass in a backend that does not train."""


class TrainedModels(EvaluatedModels, GradientTests, FirstStepTests, WorkflowTests):
    """What models must pass in a backend that trains."""


def model_suites(cases: Sequence[Case]) -> dict[str, type[Part]]:
    """Classes for pytest: ``TestDerivatives``, and one for each installed backend, such as ``TestPt``.

    Each backend evaluates the models from its checkpoint and from its first kind of file, trains them, and takes and
    gives the first one in the common formats; nothing of this is said by the backend or by the model.

    Parameters
    ----------
    cases : sequence of Case
        The first, one of energies, is the one that is converted and goes through the commands.
    """
    suites: dict[str, type[Part]] = {"TestDerivatives": type("TestDerivatives", (DerivativeTests,), {"cases": cases})}
    for flag, backend in installed_backends().items():
        if backend.is_available():
            name = f"Test{flag.capitalize()}"
            suites[name] = _suite(name, flag, backend, cases)
    return suites


def _suite(name: str, flag: str, backend: Backend, cases: Sequence[Case]) -> type[Part]:
    trains = Backend.Feature.ENTRY_POINT in backend.features
    settings = {
        "flag": flag,
        "left_out": tuple(suffix for suffix in backend.suffixes[1:] if suffix != backend.checkpoint_suffix),
        "cases": cases,
        "file_cases": cases,
        "gradient_cases": [case for case in cases if case.is_double],
        "training_cases": cases,
        "conversion_case": cases[0],
        "workflow_case": cases[0],
    }
    return type(name, (TrainedModels if trains else EvaluatedModels,), settings)
