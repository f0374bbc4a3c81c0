# SPDX-License-Identifier: LGPL-3.0-or-later
"""Compression in deepmd-kit's form: from a document to one whose embedding nets have tables."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from autograd.differential_operators import make_jvp_reversemode

from deepmd.errors import InputError
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.module import Module, modules, with_modules
from deepmd_dp.model import deserialize_model
from deepmd_dp.nn.matrix import OnBasis, in_double
from deepmd_dp.nn.table import Pieces, Table
from deepmd_dp.numpy_backend import namespace

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd.aliases import Document
    from deepmd_dp.interface import Model
    from deepmd_dp.nn.network import EmbeddingNetwork

    Function = Callable[[Array], Array]


def compress(
    document: Document,
    smallest_distance: Callable[[], float],
    step: float = 0.01,
    extrapolate: float = 5.0,
    check_frequency: int = -1,
) -> Document:
    """The document with a table for each embedding net of one distance, made for the range of the data.

    It is the document given where all nets that deepmd-kit tabulates are of angles (decision record 0019).

    Parameters
    ----------
    document : Document
    smallest_distance : callable
        That of two atoms in the data [Å]; asked for only where the model can be compressed, since data may be large.
    step : float
        Largest width of a fine piece, in the nets' normalised input.
    extrapolate : float
        How many times the range of the data the coarse pieces reach.
    check_frequency : int
        Handed on to deepmd-kit: after how many evaluations it looks for numbers outside; -1: never.

    Raises
    ------
    InputError
        deepmd-kit tabulates no net of the model, it has tables already, or it takes spins.
    """
    model = deserialize_model(document["model"])
    if any(modules(model, Table)):
        raise InputError("the model is compressed already; compress the model that it was made of.")
    if model.expansion is not None and model.expansion.reaches_zero:
        raise InputError("a model of spins is not compressed: tables would reach down to distance 0, and be too large.")
    found = _with_nets_of_one_distance(model)
    if not found:
        return document
    distance = smallest_distance()

    def with_tables(each: OnBasis) -> OnBasis:
        covering = partial(Pieces.covering, each.limits(distance), step, extrapolate, check_frequency)
        return each.with_nets(partial(_table, covering=covering))

    changes: dict[str, Module] = {path: with_tables(each) for path, each in found.items()}
    return {**document, "model": with_modules(model, changes).serialize()}


def _with_nets_of_one_distance(model: Model) -> dict[str, OnBasis]:
    """The model's parts that can have tables, by their paths; none where all that deepmd-kit tabulates is of angles."""
    found, reasons, parts = {}, set(), list(modules(model, OnBasis))
    for path, each in parts:
        try:
            if _nets_of_one_distance(each):
                found[path] = each
        except InputError as reason:
            reasons.add(str(reason))
    if not found and (reasons or not parts):
        why = "; ".join(sorted(reasons)) or "no embedding net is a function of the distance alone"
        raise InputError(f"there is nothing in the model to compress: {why}.")
    return found


def _nets_of_one_distance(part: OnBasis) -> list[EmbeddingNetwork]:
    """A part's nets that can have tables; InputError: it has others, which deepmd-kit does not tabulate either."""
    nets = []

    def note(net: EmbeddingNetwork) -> EmbeddingNetwork:
        nets.append(net)
        return net

    part.with_nets(note)
    return nets


def _table(net: EmbeddingNetwork, covering: Callable[[np.dtype[Any]], Pieces]) -> Table:
    return make_table(net, covering(_dtype(net)))


def _dtype(net: EmbeddingNetwork) -> np.dtype[Any]:
    return np.asarray(net.layers[0].w).dtype


def make_table(net: EmbeddingNetwork, pieces: Pieces) -> Table:
    """The polynomials that have the net's value, slope and curvature at the ends of each piece."""
    knots = pieces.knots
    width = np.where(np.arange(len(knots) - 1) < pieces.nfine, pieces.fine, pieces.coarse)[:, None]
    jet = value_slope_curvature(net, knots)
    # by the distance from the left end in units of the width
    (v0, d0, c0), (v1, d1, c1) = (
        [each[cut] * width**k for k, each in enumerate(jet)] for cut in (slice(None, -1), slice(1, None))
    )
    rise = v1 - v0
    coefficients = [
        v0,
        d0,
        c0 / 2.0,
        10.0 * rise - 4.0 * d1 - 6.0 * d0 - 1.5 * c0 + 0.5 * c1,
        -15.0 * rise + 7.0 * d1 + 8.0 * d0 + 1.5 * c0 - c1,
        6.0 * rise - 3.0 * (d1 + d0) + 0.5 * (c1 - c0),
    ]
    rows = np.stack([each / width**k for k, each in enumerate(coefficients)], axis=-1)
    return Table.of_rows(net, rows.reshape(len(rows), -1).astype(_dtype(net)), pieces)


def value_slope_curvature(net: EmbeddingNetwork, s: Float[np.ndarray, "n"]) -> list[Float[np.ndarray, "n width"]]:
    """Of a net of one number at numbers s, in double precision."""
    column = s[:, None]
    net = in_double(net, column)
    with warnings.catch_warnings():
        # autograd warns where a slope is constant, between the kinks of relu
        warnings.simplefilter("ignore", UserWarning)
        return [np.asarray(function(column)) for function in (net, _slope(net), _slope(_slope(net)))]


def _slope(function: Function) -> Function:
    """The derivative of a function that maps each row's number to a row."""
    return lambda x: make_jvp_reversemode(function)(x)(namespace.ones_like(x))
