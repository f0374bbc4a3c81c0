# SPDX-License-Identifier: LGPL-3.0-or-later
"""The gradient of the loss by each parameter is the same in every backend that trains."""

from __future__ import annotations

import pytest
from backends import ALL_CASES, WITH_FIRST, pair_name

from deepmd_dp.conformance.cases import CASES_DOUBLE, FEW_CASES_DOUBLE
from deepmd_dp.conformance.comparison import assert_close
from deepmd_dp.conformance.training import gradient

CASES = CASES_DOUBLE if ALL_CASES else FEW_CASES_DOUBLE[::2]
"""Few models where compiling takes seconds: the suite holds the first backend to finite differences for all of them."""


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("flags", WITH_FIRST, ids=pair_name)
def test_backends_agree(case, flags):
    expected = gradient(case, flags[1])
    for path, array in gradient(case, flags[0]).items():
        assert_close(array, expected[path], 1e-9, path)
