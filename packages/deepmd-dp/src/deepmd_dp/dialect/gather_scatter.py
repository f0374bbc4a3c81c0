# SPDX-License-Identifier: LGPL-3.0-or-later
"""Rows by their indices: taking them, and summing them."""

from __future__ import annotations

from deepmd_dp.dialect.array import Array
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.operation import operation


@operation
def scatter_add(values: Array, index: Array, size: int | Array) -> Array:
    """Sums rows by their index: out[f, index[f, k]] += values[f, k]; rows with index -1 are left out.

    Parameters
    ----------
    values : Array, (nframes, n, m)
    index : Array, (nframes, n) integers in [-1, size)

    Returns
    -------
    Array, (nframes, size, m)
    """
    xp = array_namespace(values)
    one_hot = xp.equal(index[:, None, :], xp.reshape(xp.arange(size), (1, -1, 1)))
    return xp.matmul(xp.astype(one_hot, values.dtype), values)


@operation
def gather_rows(array: Array, index: Array) -> Array:
    """Rows of each frame: out[f, ..., :] = array[f, index[f, ...]].

    Parameters
    ----------
    array : Array, (nframes, n) or (nframes, n, m)
    index : Array, (nframes, ...) integers in [0, n)
    """
    xp = array_namespace(array)
    lead = shape(index)
    flat = xp.reshape(index, (lead[0], -1))
    if array.ndim == 2:
        return xp.reshape(xp.take_along_axis(array, flat, axis=1), lead)
    width = shape(array)[2]
    rows = xp.broadcast_to(flat[:, :, None], (lead[0], shape(flat)[1], width))
    return xp.reshape(xp.take_along_axis(array, rows, axis=1), (*lead, width))
