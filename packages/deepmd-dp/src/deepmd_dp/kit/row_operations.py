# SPDX-License-Identifier: LGPL-3.0-or-later
"""Scaling and squaring of rows with derivatives that are of their own kind.

A framework that derives a sum by filling an array with what is common to a row, and a product by one more pass for each
factor 2, spends passes over large arrays on it; these derivatives make one pass each, of all orders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd_dp.dialect import ops
from deepmd_dp.dialect.array_api import array_namespace

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd_dp.dialect.array import Array

    Derived = tuple[Array, Callable[[Array], Any]]


def overrides(
    custom_gradient: Callable[[Callable[..., Derived]], Callable[..., Array]],
) -> dict[str, Callable[..., Array]]:
    """The operations by name.

    Parameters
    ----------
    custom_gradient
        Makes a function of one that gives its value and the function from the value's gradient to the arguments'.
    """

    @custom_gradient
    def scale_rows(x: Array, factor: Array) -> Derived:
        return x * factor, lambda upstream: (scale_rows(upstream, factor), dot_rows(upstream, x))

    @custom_gradient
    def dot_rows(x: Array, y: Array) -> Derived:
        value = array_namespace(x).sum(x * y, axis=-1, keepdims=True)
        return value, lambda upstream: (scale_rows(y, upstream), scale_rows(x, upstream))

    @custom_gradient
    def squared_length(x: Array) -> Derived:
        return ops.squared_length.plain(x), lambda upstream: scale_rows(x, 2.0 * upstream)

    return {"scale_rows": scale_rows, "squared_length": squared_length}
