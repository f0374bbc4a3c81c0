# SPDX-License-Identifier: LGPL-3.0-or-later
"""Angles between the neighbors of an atom, in the normalised form that nets take: what three-body descriptors share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.edge_rows import edge_rows

if TYPE_CHECKING:
    from deepmd_dp.environment.environment_matrix import EnvironmentMatrix

NARROW = 40
"""Neurons of a net up to which it costs less for each pair than Chebyshev moments without a kernel."""


def angles(
    first: Float[Array, "ncenters n columns"], second: Float[Array, "ncenters m columns"]
) -> Float[Array, "ncenters n m"]:
    """θ_jk = R_j·R_k of the directional columns of two blocks' normalised rows; 0 where a row does not count."""
    return array_namespace(first).matmul(first[..., 1:], array_namespace(first).matrix_transpose(second[..., 1:]))


def angle_limits(matrix: EnvironmentMatrix, smallest_distance: float) -> tuple[float, float]:
    """Between which numbers angles lie: two nearest neighbors on opposite sides, and two at one place."""
    shift, deviation = (np.asarray(table[..., 1:], np.float64) for table in (matrix.davg, matrix.dstd))
    raw = edge_rows(np.asarray([[smallest_distance, 0.0, 0.0]]), matrix.settings)[0][0, 1]
    norms = raw / np.min(deviation, axis=-1) + np.sqrt(np.sum((shift / deviation) ** 2, axis=-1))
    largest = float(np.max(norms) ** 2)
    return -largest, largest
