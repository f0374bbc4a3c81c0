# SPDX-License-Identifier: LGPL-3.0-or-later
"""The tests that every backend must pass, for its own test suite to inherit.

>>> from deepmd_dp.conformance import BackendConformance
>>> class TestMine(BackendConformance):
...     flag = "mine"

It needs pytest (``pip install deepmd-dp[conformance]``), which nothing else in this package imports.
"""

import pytest

# so that a failing assert shows its values, as in a test file
_PARTS = ("comparison", "conversion", "figures", "files", "gradients", "inference", "optimizers", "training_steps")
pytest.register_assert_rewrite(*(f"{__name__}.{part}" for part in (*_PARTS, "workflow")))

from deepmd_dp.conformance.suite import BackendConformance, EvaluationConformance  # noqa: E402

__all__ = ["BackendConformance", "EvaluationConformance"]
