# SPDX-License-Identifier: LGPL-3.0-or-later
"""Every backend gives what NumPy gives in float64, for every model of the table and every boundary."""

from __future__ import annotations

import pytest
from backends import FIRST_FORMS
from cases import CASES
from comparison import DOUBLE, SINGLE, assert_close
from evaluation import evaluate
from frames import FRAMES

QUANTITIES = {"energy", "atom_energy", "force", "virial", "atom_virial", "descriptor"}


@pytest.mark.parametrize("frames", FRAMES)
@pytest.mark.parametrize("form", FIRST_FORMS, ids=str)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_results(models, case, form, frames):
    expected = models.expected(case, frames)
    results = evaluate(models.evaluator(case, form), frames)
    assert set(results) == set(expected) == QUANTITIES
    for name in QUANTITIES:
        assert_close(results[name], expected[name], DOUBLE if case.is_double else SINGLE, name)
