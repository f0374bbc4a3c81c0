# SPDX-License-Identifier: LGPL-3.0-or-later
"""Taking rows by their indices and summing them, in NumPy, each the derivative of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from autograd.extend import defvjp, primitive

from deepmd_dp.dialect import ops
from deepmd_dp.dialect.array import Float, Int, Shaped
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.numpy_backend import namespace

if TYPE_CHECKING:
    from collections.abc import Callable


@primitive
def gather_rows(
    array: Shaped[np.ndarray, "nframes nrows"] | Shaped[np.ndarray, "nframes nrows m"],
    index: Int[np.ndarray, "nframes *lead"],
) -> Shaped[np.ndarray, "nframes *lead"] | Shaped[np.ndarray, "nframes *lead m"]:
    """See `ops.gather_rows`."""
    frames = np.arange(len(index)).reshape(-1, *[1] * (index.ndim - 1))
    rows: np.ndarray = array[frames, index]
    return rows


@primitive
def scatter_add(
    values: Float[np.ndarray, "nframes nrows m"], index: Int[np.ndarray, "nframes nrows"], size: int
) -> Float[np.ndarray, "nframes size m"]:
    """See `ops.scatter_add`."""
    out: np.ndarray = np.zeros((len(values), size, values.shape[2]), dtype=values.dtype)
    for frame, each in enumerate(index):
        # sums of runs of equal indices: many times faster than np.add.at
        order = np.argsort(each, kind="stable")[np.count_nonzero(each < 0) :]
        rows, starts = np.unique(each[order], return_index=True)
        if rows.size:
            out[frame, rows] = np.add.reduceat(values[frame][order], starts, axis=0)
    return out


def _gradient_of_gather(_: np.ndarray, array: np.ndarray, index: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    nframes, size = array.shape[:2]

    def gradient(upstream: np.ndarray) -> np.ndarray:
        rows = namespace.reshape(upstream, (nframes, -1, int(np.prod(array.shape[2:]))))
        summed: np.ndarray = namespace.reshape(scatter_add(rows, index.reshape(nframes, -1), size), array.shape)
        return summed

    return gradient


def _gradient_of_scatter(
    _: np.ndarray, values: np.ndarray, index: np.ndarray, size: int
) -> Callable[[np.ndarray], np.ndarray]:
    del values, size
    left_out = (index < 0)[:, :, None]
    return lambda upstream: namespace.where(left_out, 0.0, gather_rows(upstream, np.maximum(index, 0)))


defvjp(gather_rows, _gradient_of_gather, argnums=(0,))
defvjp(scatter_add, _gradient_of_scatter, argnums=(0,))

for _namespace in (array_namespace(np.zeros(0)), namespace):
    ops.override("gather_rows", _namespace, gather_rows)
    ops.override("scatter_add", _namespace, scatter_add)
