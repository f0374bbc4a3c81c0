# SPDX-License-Identifier: LGPL-3.0-or-later
"""The one derivative that the NumPy backend needs: of scalars by the displacements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from autograd import make_vjp
from autograd.tracer import getval

from deepmd_dp.dialect import ops
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.numpy_backend import namespace

if TYPE_CHECKING:
    from deepmd_dp.model.evaluate import Function, Vectors


def derivative(function: Function, edge_vec: Vectors) -> tuple[dict[str, np.ndarray], list[Vectors]]:
    """See `deepmd_dp.model.evaluate.Derivative`."""
    values: dict[str, np.ndarray] = {}

    def scalars(traced: Vectors) -> namespace.Array:
        outputs, found = function(tuple(traced))
        values.update({name: getval(array) for name, array in outputs.items()})
        return namespace.concat([namespace.reshape(each, (1,)) for each in found])

    backward, found = make_vjp(scalars, 0)(tuple(edge_vec))
    return values, [tuple(backward(row)) for row in np.eye(len(found))]


def _scatter_add(values: np.ndarray, index: np.ndarray, size: int) -> np.ndarray:
    """See `ops.scatter_add`."""
    nframes, _, width = values.shape
    out = np.zeros((nframes, size, width), dtype=values.dtype)
    for frame in range(nframes):
        kept = index[frame] >= 0
        np.add.at(out[frame], index[frame][kept], values[frame][kept])
    return out


ops.override("scatter_add", array_namespace(np.zeros(0)), _scatter_add)
