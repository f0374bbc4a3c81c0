# SPDX-License-Identifier: LGPL-3.0-or-later
"""Operations that a backend may run faster than their plain form in the Array API.

Each stands here once, in plain form. A backend registers a kernel of its own under the
same name with `override`, for the arrays of its library; a test holds it to the plain form.
"""

from __future__ import annotations

from deepmd_dp.dialect.activations import activation
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.edge_rows import EnvSettings
from deepmd_dp.dialect.gather_scatter import gather_rows, scatter_add
from deepmd_dp.dialect.moments import (
    Basis,
    chebyshev_moments,
    environment_moments,
    outer_products,
    outer_products_by_matmul,
    split_switched,
)
from deepmd_dp.dialect.operation import operation, override

__all__ = [
    "Basis",
    "EnvSettings",
    "chebyshev_moments",
    "environment_moments",
    "gather_rows",
    "inverse_length",
    "layer",
    "matmul_transposed",
    "outer_products",
    "outer_products_by_matmul",
    "override",
    "scale_rows",
    "scatter_add",
    "split_switched",
    "squared_length",
    "unit_vectors",
    "upper_bound",
    "weighted_softmax",
]

_LOWEST = -1e6
"""Below any logit that counts; the exponential of a logit that is left out, which is lower still, is 0."""


@operation
def layer(
    x: Float[Array, "*lead nin"],
    w: Float[Array, "nin nout"],
    b: Float[Array, "nout"] | None,
    idt: Float[Array, "nout"] | None,
    activation_function: str,
    resnet: bool,
) -> Float[Array, "*lead nout"]:
    """act(x w + b) * idt, and with `resnet` a skip connection where the widths allow one.

    Parameters
    ----------
    resnet
        Adds x where nout == nin, and (x, x) where nout == 2 nin.
    """
    xp = array_namespace(x)
    y = xp.matmul(x, w)
    y = activation(activation_function)(y if b is None else y + b)
    if idt is not None:
        y = y * idt
    nin, nout = w.shape
    if resnet and nout == nin:
        return y + x
    if resnet and nout == 2 * nin:
        return y + xp.concat([x, x], axis=-1)
    return y


def upper_bound(
    x: Float[Array, "*lead n"], rest: Float[Array, "*#lead 1"], rest_logit: float
) -> Float[Array, "*lead 1"]:
    """Whole numbers above all x along the last axis, and above `rest_logit` where `rest` counts.

    They are constants, which derivatives skip. Where nothing counts `rest_logit` is no bound: single precision would
    lose logits that are far below it.
    """
    xp = array_namespace(x)
    largest = xp.max(x, axis=-1, keepdims=True)
    whole = xp.astype(xp.astype(largest, xp.int64), x.dtype) + 1.0
    least = xp.where(xp.equal(rest, 0.0 * rest), _LOWEST + 0.0 * rest, rest_logit + 0.0 * rest) + 0.0 * whole
    return xp.where(whole < least, least, whole)


@operation
def weighted_softmax(
    logits: Float[Array, "*lead n"],
    weights: Float[Array, "*#lead #n"] | None,
    rest: Float[Array, "*#lead 1"],
    rest_logit: float,
    bound: float | Float[Array, "*lead 1"] | None,
) -> Float[Array, "*lead n"]:
    """Softmax over the last axis in which an item may count 0 or several times.

    p_j = w_j exp(l_j) / (Σ_k w_k exp(l_k) + rest exp(rest_logit)), and 0 where nothing counts.

    Parameters
    ----------
    weights
        0: left out, 1: counted; None: all count.
    rest
        How many further items have the logit `rest_logit`.
    bound
        What no logit is above, those left out and `rest_logit` (where there is a rest) included, as `upper_bound` gives
        it; it keeps the exponentials finite. None: it is found, and what is left out may be of any size.
        0: none is so large that it matters.
    """
    xp = array_namespace(logits)
    if bound is None:
        # what is left out must not overflow either
        if weights is not None:
            logits = xp.where(weights > 0, logits, _LOWEST * xp.ones_like(logits))
        bound = upper_bound(logits, rest, rest_logit)
    # each operation on the logits is a pass over a large array, in derivatives several
    terms = xp.exp(logits if isinstance(bound, float) and bound == 0.0 else logits - bound)
    if weights is not None:
        terms = terms * weights
    of_rest = rest_logit - bound + xp.zeros_like(rest)
    # above 0 only where there is no rest
    of_rest = xp.exp(xp.where(of_rest < 0, of_rest, 0.0 * of_rest))
    total = xp.sum(terms, axis=-1, keepdims=True) + rest * of_rest
    # a product with the small array of inverses: the derivatives of a quotient cost passes over the large one
    # its square must have an inverse, too
    root = 1e-4 * total
    return scale_rows(terms, 1.0 / xp.where(root * xp.abs(root) > 0, total, xp.ones_like(total)))


@operation
def matmul_transposed(
    x: Float[Array, "ncenters n width"], y: Float[Array, "ncenters m width"]
) -> Float[Array, "ncenters n m"]:
    """x yᵀ of each center; a framework may read y as it lies, and its derivative too."""
    xp = array_namespace(x)
    return xp.matmul(x, xp.matrix_transpose(y))


@operation
def scale_rows(x: Float[Array, "*lead n"], factor: Float[Array, "*lead 1"]) -> Float[Array, "*lead n"]:
    """x times a number for each row."""
    return x * factor


@operation
def squared_length(x: Float[Array, "*lead n"]) -> Float[Array, "*lead 1"]:
    """|x|² along the last axis."""
    xp = array_namespace(x)
    return xp.sum(xp.square(x), axis=-1, keepdims=True)


def unit_vectors(x: Float[Array, "*lead n"], length: float | Float[Array, "*lead 1"] = 1.0) -> Float[Array, "*lead n"]:
    """x / |x| along the last axis, times a length; 0 for a zero vector, with a finite derivative."""
    return scale_rows(x, length * inverse_length(x))


def inverse_length(x: Float[Array, "*lead n"]) -> Float[Array, "*lead 1"]:
    """1 / |x| along the last axis; for a zero vector a large number, with a finite derivative."""
    xp = array_namespace(x)
    square = squared_length(x)
    return 1.0 / xp.sqrt(xp.where(square > 1e-24, square, 1e-24 * xp.ones_like(square)))
