# SPDX-License-Identifier: LGPL-3.0-or-later
"""Tensors of arrays."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from deepmd_pt.arrays import from_numpy, to_numpy


@pytest.mark.parametrize("array", [np.arange(12.0).reshape(3, 4).T, np.int32(3), np.ones((2, 0)), np.array([True])])
def test_numbers_and_types_stay_and_memory_is_not_shared(array):
    tensor = from_numpy(array)
    tensor_before = tensor.clone()
    np.testing.assert_array_equal(to_numpy(tensor), array)
    assert to_numpy(tensor).dtype == array.dtype
    assert tensor.is_contiguous()
    if isinstance(array, np.ndarray) and array.size:
        array[...] = array[::-1] if array.ndim > 1 else ~array
        assert tensor.equal(tensor_before)


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted as Linux shows them")
def test_a_thread_that_makes_tensors_starts_no_other_threads():
    def started() -> int:
        before = len(os.listdir("/proc/self/task"))
        from_numpy(np.ones(10**6))
        return len(os.listdir("/proc/self/task")) - before

    with ThreadPoolExecutor(1) as executor:
        assert executor.submit(started).result() == 0
