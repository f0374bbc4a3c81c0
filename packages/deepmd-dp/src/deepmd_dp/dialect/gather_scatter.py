# SPDX-License-Identifier: LGPL-3.0-or-later
"""Rows by their indices: taking them, and summing them."""

from __future__ import annotations

from deepmd_dp.dialect.array import Array, Float, Int, Shaped
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.operation import operation


@operation
def scatter_add(
    values: Float[Array, "nframes nrows m"], index: Int[Array, "nframes nrows"], size: int | Int[Array, ""]
) -> Float[Array, "nframes size m"]:
    """Sums rows by their index, in [-1, size): out[f, index[f, k]] += values[f, k]; rows with -1 are left out."""
    xp = array_namespace(values)
    one_hot = xp.equal(index[:, None, :], xp.reshape(xp.arange(size), (1, -1, 1)))
    return xp.matmul(xp.astype(one_hot, values.dtype), values)


@operation
def gather_rows(
    array: Shaped[Array, "nframes nrows"] | Shaped[Array, "nframes nrows m"], index: Int[Array, "nframes *lead"]
) -> Shaped[Array, "nframes *lead"] | Shaped[Array, "nframes *lead m"]:
    """Rows of each frame by their index, in [0, nrows): out[f, ..., :] = array[f, index[f, ...]]."""
    xp = array_namespace(array)
    lead = shape(index)
    flat = xp.reshape(index, (lead[0], -1))
    if array.ndim == 2:
        return xp.reshape(xp.take_along_axis(array, flat, axis=1), lead)
    width = shape(array)[2]
    rows = xp.broadcast_to(flat[:, :, None], (lead[0], shape(flat)[1], width))
    return xp.reshape(xp.take_along_axis(array, rows, axis=1), (*lead, width))
