# SPDX-License-Identifier: LGPL-3.0-or-later
"""The whole suite, put together of its parts."""

from __future__ import annotations

from deepmd_dp.conformance.conversion import ConversionTests
from deepmd_dp.conformance.files import FileTests
from deepmd_dp.conformance.gradients import GradientTests
from deepmd_dp.conformance.inference import InferenceTests
from deepmd_dp.conformance.optimizers import OptimizerTests
from deepmd_dp.conformance.reference_numbers import ReferenceTests
from deepmd_dp.conformance.training_steps import FirstStepTests, TrainingStepTests
from deepmd_dp.conformance.workflow import WorkflowTests


class EvaluationConformance(InferenceTests, ReferenceTests, ConversionTests, FileTests):
    """What a backend must pass that evaluates and converts models but does not train.

    A subclass, named ``Test…`` so that pytest finds it, sets `flag`, the backend's name on the command line.
    """


class BackendConformance(
    EvaluationConformance, GradientTests, FirstStepTests, TrainingStepTests, OptimizerTests, WorkflowTests
):
    """What a backend must pass that also trains."""
