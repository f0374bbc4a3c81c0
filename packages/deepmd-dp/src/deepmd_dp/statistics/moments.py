# SPDX-License-Identifier: LGPL-3.0-or-later
"""Mean and deviation of numbers that come in pieces."""

from __future__ import annotations

import numpy as np

from deepmd_dp.dialect.array import Float


class Moments:
    """Counts, sums and sums of squares of some quantities.

    Parameters
    ----------
    shape : tuple of int
        One entry a quantity.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.count = np.zeros(shape)
        self.total = np.zeros(shape)
        self.square = np.zeros(shape)

    def mean(self) -> Float[np.ndarray, "*axes"]:
        """Mean, 0 where there were no numbers."""
        return self.total / np.maximum(self.count, 1.0)

    def deviation(self, protection: float, default: float = 0.1) -> Float[np.ndarray, "*axes"]:
        """Standard deviation, at least `protection`; `default` where there were no numbers."""
        variance = self.square / np.maximum(self.count, 1.0) - self.mean() ** 2
        deviation = np.sqrt(np.maximum(variance, 0.0))
        return np.where(self.count == 0, default, np.maximum(deviation, protection))
