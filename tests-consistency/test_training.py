# SPDX-License-Identifier: LGPL-3.0-or-later
"""The same input gives the same training in every backend, and each goes on where another one stopped."""

from __future__ import annotations

import numpy as np
import pytest
from backends import ALL_CASES, ORDERED_PAIRS, WITH_FIRST, pair_name

from deepmd_dp.conformance.cases import TRAINING_CASES
from deepmd_dp.conformance.comparison import assert_close, assert_same_tree
from deepmd_dp.conformance.runs import LENGTH, LONG_CASES, MIDDLE, restart, run


@pytest.mark.parametrize("flags", WITH_FIRST, ids=pair_name)
@pytest.mark.parametrize("case", TRAINING_CASES if ALL_CASES else LONG_CASES, ids=str)
def test_first_losses(case, flags):
    """The first model to the bit, and the losses of the first steps to rounding; the suite holds all to NumPy's."""
    one, other = (run(case, flag) for flag in flags)
    assert_same_tree(one.states[0].model["model"], other.states[0].model["model"])
    assert_close(one.losses[:MIDDLE], other.losses[:MIDDLE], 1e-9 if case.is_double else 1e-4, "losses")


@pytest.mark.parametrize("flags", WITH_FIRST, ids=pair_name)
@pytest.mark.parametrize("case", LONG_CASES, ids=str)
def test_learning_curves(case, flags):
    one, other = (np.array(run(case, flag).losses) for flag in flags)
    assert len(one) == LENGTH
    assert np.max(np.abs(one - other) / other) < 1e-5


@pytest.mark.parametrize(("source", "target"), ORDERED_PAIRS)
@pytest.mark.parametrize("case", LONG_CASES, ids=str)
def test_training_goes_on_in_another_backend(case, source, target, tmp_path):
    """By way of a checkpoint, with the optimiser's moments: it follows the curve of the uninterrupted training."""
    continued, expected = np.array(restart(case, source, target, tmp_path)), np.array(run(case, source).losses[MIDDLE:])
    assert len(continued) == LENGTH - MIDDLE
    assert_close(continued[:MIDDLE], expected[:MIDDLE], 1e-8, "losses")
    assert np.max(np.abs(continued - expected) / expected) < 1e-5
