# SPDX-License-Identifier: LGPL-3.0-or-later
"""A loss from its terms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace, constant
from deepmd_dp.loss.interface import Arrays, Numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepmd_dp.loss.interface import Term


def sum_terms(
    terms: Sequence[Term], prediction: Arrays, label: Arrays, found: dict[str, bool], ratio: float | Float[Array, ""]
) -> tuple[Float[Array, ""], Numbers]:
    """Σ p L over the terms whose labels were found, and all metrics, NaN where they were not.

    Where none was, the loss is 0 of the prediction, so that there is a gradient, of zeros, in every framework.

    Parameters
    ----------
    ratio
        Present learning rate in units of the first one.
    """
    like = prediction["mask"]
    loss, metrics = constant(np.zeros(()), like=like), {}
    for term in terms:
        if all(found.get(key, False) for key in term.labels):
            value, metrics[term.metric] = term.value(prediction, label)
            loss = loss + term.prefactor.at(ratio) * value
        else:
            metrics[term.metric] = constant(np.full((), math.nan), like=like)
    if not any(all(found.get(key, False) for key in term.labels) for term in terms):
        first = next(iter(prediction.values()))
        loss = loss + 0.0 * array_namespace(first).sum(first)
    return loss, metrics
