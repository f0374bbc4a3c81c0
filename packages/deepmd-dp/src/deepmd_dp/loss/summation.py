# SPDX-License-Identifier: LGPL-3.0-or-later
"""A loss from its terms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace, constant
from deepmd_dp.loss.interface import Arrays, Numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepmd_dp.loss.interface import Term


@dataclass(frozen=True, kw_only=True)
class SumOfTerms:
    """Base of losses that are sums of terms with weights: what follows from the terms.

    Attributes
    ----------
    start_lr : float
        Learning rate at which the prefactors have their first values [1].
    """

    start_lr: float

    def terms(self) -> list[Term]:
        """The terms in use."""
        raise NotImplementedError

    @property
    def label_sets(self) -> tuple[tuple[str, ...], ...]:
        """The labels of each term."""
        return tuple(term.labels for term in self.terms())

    def __call__(
        self, prediction: Arrays, label: Arrays, found: dict[str, bool], lr: float | Float[Array, ""]
    ) -> tuple[Float[Array, ""], Numbers]:
        """The loss and the metrics, see `deepmd_dp.loss.interface.Loss`."""
        return sum_terms(self.terms(), prediction, label, found, lr / self.start_lr)


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
