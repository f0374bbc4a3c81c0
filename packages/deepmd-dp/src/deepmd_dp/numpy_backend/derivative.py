# SPDX-License-Identifier: LGPL-3.0-or-later
"""The one derivative that the NumPy backend needs: of scalars by the displacements."""

from __future__ import annotations

import numpy as np
from autograd import make_vjp
from autograd.tracer import getval

from deepmd_dp.dialect.array import Array
from deepmd_dp.model.evaluate import Function, Outputs, Vectors
from deepmd_dp.numpy_backend import (
    gather_scatter,  # noqa: F401  its operations have a derivative
    namespace,
)


def derivative(function: Function, edge_vec: Vectors) -> tuple[Outputs, list[Vectors]]:
    """See `deepmd_dp.model.evaluate.Derivative`."""
    values: dict[str, Array] = {}

    def scalars(traced: Vectors) -> namespace.Array:
        outputs, found = function(tuple(traced))
        values.update({name: getval(array) for name, array in outputs.items()})
        # a model whose outputs have no derivatives gives none, and autograd wants something that depends on its input
        nothing = namespace.reshape(traced[0], (-1,))[:0]
        return namespace.concat([nothing, *(namespace.reshape(each, (1,)) for each in found)])

    backward, found = make_vjp(scalars, 0)(tuple(edge_vec))
    return values, [tuple(backward(row)) for row in np.eye(len(found))]
