# SPDX-License-Identifier: LGPL-3.0-or-later
"""The gradient of the loss by each parameter is the same in every backend that trains."""

from __future__ import annotations

import pytest
from backends import WITH_FIRST, suite_of

from deepmd_dp.conformance.comparison import assert_close
from deepmd_dp.conformance.training import gradient

PAIRS = [(case, mine, first) for mine, first in WITH_FIRST for case in suite_of(mine).file_cases if case.is_double]
"""Few models where compiling takes seconds: the suite holds the first backend to finite differences for all of them."""


@pytest.mark.parametrize(("case", "mine", "first"), PAIRS, ids=str)
def test_backends_agree(case, mine, first):
    expected = gradient(case, first)
    for path, array in gradient(case, mine).items():
        assert_close(array, expected[path], 1e-9, path)
