# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.utils.weight_avg`: errors of several systems put together."""

from __future__ import annotations

import math


def weighted_average(errors: list[dict[str, tuple[float, float]]]) -> dict[str, float]:
    """Each error over all systems.

    Parameters
    ----------
    errors : list of dict
        For each system the errors and their weights by name, as `deepmd.entrypoints.test.test` of one system gives
        them. Names begin with ``mae`` (means of absolute errors) or ``rmse`` (roots of means of squares).

    Raises
    ------
    ValueError
        A name begins otherwise.
    """
    names = dict.fromkeys(name for each in errors for name in each)
    return {name: _average(name, [each[name] for each in errors if name in each]) for name in names}


def _average(name: str, pairs: list[tuple[float, float]]) -> float:
    if not name.startswith(("mae", "rmse")):
        raise ValueError(f"{name} is neither a mean absolute error (mae...) nor a root mean square error (rmse...).")
    power = 1 if name.startswith("mae") else 2
    total = sum(error**power * weight for error, weight in pairs)
    return math.pow(total / sum(weight for _, weight in pairs), 1 / power)
