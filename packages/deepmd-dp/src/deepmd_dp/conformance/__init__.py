# SPDX-License-Identifier: LGPL-3.0-or-later
"""The tests that every backend must pass, for its own test suite to inherit, and those of a model in all backends.

>>> from deepmd_dp.conformance import BackendConformance
>>> class TestMine(BackendConformance):
...     flag = "mine"

>>> from deepmd_dp.conformance import Case, model_suites
>>> globals().update(model_suites([Case("mine", {"type": "my_descriptor", "sel": [9, 12]})]))

It needs pytest (``pip install deepmd-dp[conformance]``), which nothing else in this package imports.
"""

import pytest

# so that a failing assert shows its values, as in a test file
_PARTS = (
    "comparison",
    "conversion",
    "derivatives",
    "files",
    "gradients",
    "inference",
    "optimizers",
    "plugins",
    "reference_numbers",
)
pytest.register_assert_rewrite(*(f"{__name__}.{part}" for part in (*_PARTS, "training_steps", "workflow")))

from deepmd_dp.conformance.cases import Case  # noqa: E402
from deepmd_dp.conformance.models import model_suites  # noqa: E402
from deepmd_dp.conformance.plugins import PluginTests  # noqa: E402
from deepmd_dp.conformance.suite import BackendConformance, EvaluationConformance  # noqa: E402

__all__ = ["BackendConformance", "Case", "EvaluationConformance", "PluginTests", "model_suites"]
