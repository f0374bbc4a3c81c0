# SPDX-License-Identifier: LGPL-3.0-or-later
"""How near is near enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.contract import walk_arrays

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

DOUBLE = 1e-10
SINGLE = 1e-5


def assert_close(actual: ArrayLike, expected: ArrayLike, tolerance: float, name: str = "value") -> None:
    """The largest difference is below the tolerance times the largest expected value, or times 1 where that is less."""
    actual, expected = np.asarray(actual, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    assert actual.shape == expected.shape, f"{name} has shape {actual.shape}, expected {expected.shape}"
    difference = np.max(np.abs(actual - expected), initial=0.0)
    allowed = tolerance * max(1.0, np.max(np.abs(expected), initial=0.0))
    assert difference <= allowed, f"{name} differs by {difference:.2e}, allowed is {allowed:.1e}"


def assert_same_tree(actual: Any, expected: Any) -> None:
    """The arrays of two documents are the same to the bit."""
    assert_same_arrays(dict(walk_arrays(actual)), dict(walk_arrays(expected)))


def assert_same_arrays(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Two sets of arrays are the same to the bit."""
    assert expected
    assert set(actual) == set(expected)
    for path, array in actual.items():
        assert array.dtype == expected[path].dtype, path
        assert np.array_equal(array, expected[path]), path
