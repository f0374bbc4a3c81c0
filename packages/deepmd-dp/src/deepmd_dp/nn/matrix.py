# SPDX-License-Identifier: LGPL-3.0-or-later
r"""An embedding net of one number as a matrix: its Chebyshev coefficients on a few intervals.

G(s) = Σ_q T_q(s) C_q with C = V⁻¹ G(nodes), V the polynomials' values at the nodes. So Σ_j R_j ⊗ G(s_j) = A C with
the moments A of `deepmd_dp.dialect.moments`. A net with an analytic activation function is represented to rounding:
value to 2e-14, derivative to 1e-12. C is part of the graph of a training step: a hundred rows of the net, however
many edges there are.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deepmd.errors import ModelFileError
from deepmd_dp.dialect.array import Array, Bool, Float
from deepmd_dp.dialect.array_api import array_namespace, device, shape
from deepmd_dp.dialect.edge_rows import EnvSettings, edge_rows
from deepmd_dp.dialect.module import (
    AnyModule,
    Module,
    Tree,
    buffer,
    map_leaves,
    module,
    modules,
    with_modules,
)
from deepmd_dp.dialect.moments import Basis
from deepmd_dp.nn.network import EmbeddingNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Function = Callable[[Float[np.ndarray, "n"]], Float[np.ndarray, "n m"]]
    """Of numbers s; gives values of all nets that share a basis."""

SMALLEST_DISTANCE = 0.4
"""Two atoms are not expected to come closer [Å]: H₂ has 0.74, half of it is the hottest dense hydrogen's. The range of
a basis reaches so far; beyond it nets go on linearly."""
_NEAREST = 0.01
"""The same where virtual atoms may be [Å], and nothing protects from dividing by zero."""
TOLERANCE = 1e-13
"""Of a net's value, of its largest; its derivative has a hundred times that, of the derivative's largest."""
MAX_INTERVALS = 128
"""A net that needs more is none that is smooth at the scale of its range: it stays a net."""
_ANALYTIC = frozenset(("none", "linear", "tanh", "sigmoid", "softplus", "gelu", "gelu_tf", "silu"))


def is_matrix(net: Module) -> bool:
    """Whether polynomials represent the net: its activation functions have no kinks, nor joints with other ones."""
    return isinstance(net, EmbeddingNetwork) and all(
        each.activation_function.lower() in _ANALYTIC for each in net.layers
    )


def nodes(basis: Basis) -> Float[np.ndarray, "functions"]:
    """The Chebyshev points of all intervals."""
    low, high = np.asarray(basis.bounds[:-1]), np.asarray(basis.bounds[1:])
    points: np.ndarray = 0.5 * (low + high)[:, None] + 0.5 * (high - low)[:, None] * _points(basis.degree)
    return points.reshape(-1)


def node_column(basis: Basis, like: Array) -> Float[Array, "functions 1"]:
    """The nodes as input of a net, in double precision beside `like`."""
    return array_namespace(like).asarray(nodes(basis)[:, None], device=device(like))


def coefficients(values: Float[Array, "functions m"], basis: Basis, like: Array) -> Float[Array, "functions m"]:
    """C of a net's values at the nodes; the values are in double precision, C has the type of `like`.

    Noise of float32 at the nodes would be a hundred times that in the derivative.
    """
    xp = array_namespace(values)
    inverse = xp.asarray(_inverse(basis.degree), device=device(values))
    blocks = xp.reshape(values, (basis.nintervals, basis.degree, shape(values)[1]))
    return xp.astype(xp.reshape(xp.matmul(inverse[None, :, :], blocks), shape(values)), like.dtype)


@module
class Matrix(Module):
    """A net of one number as its coefficients C: what frozen files hold in its place."""

    c: Float[Array, "functions width"] = buffer()

    @property
    def width(self) -> int:
        """Numbers that the net gives."""
        return int(self.c.shape[1])


def matrix(net: EmbeddingNetwork | Matrix, basis: Basis, like: Array) -> Float[Array, "functions width"]:
    """C of a net of one number, of the type of `like`; differentiable by the net's parameters."""
    if isinstance(net, Matrix):
        return net.c
    column = node_column(basis, like)
    return coefficients(in_double(net, column)(column), basis, like)


def in_double(net: EmbeddingNetwork, like: Array) -> EmbeddingNetwork:
    """The net with its parameters as float64; `like` is an array of that type."""
    return map_leaves(net, lambda _, leaf: array_namespace(leaf).astype(leaf, like.dtype))


def values_of(nets: Sequence[EmbeddingNetwork]) -> Function:
    """The values of nets of one number, side by side, in double precision."""
    doubles = [in_double(net, np.zeros(0)) for net in nets]
    return lambda s: np.concatenate([np.asarray(net(s[:, None])) for net in doubles], axis=1)


def input_range(
    davg: Float[Array, "ntypes *nslots"],
    dstd: Float[Array, "ntypes *nslots"],
    settings: EnvSettings,
    smallest_distance: float,
) -> tuple[float, float]:
    """Between which values s lies: those of an empty slot, and of two atoms at the smallest distance.

    Parameters
    ----------
    davg, dstd : [1/Å]
        Mean and deviation of the environment matrix's first column, for all types (and slots); convertible to NumPy.
    smallest_distance : float
        [Å]
    """
    # without a protection there is no limit
    nearest = smallest_distance if settings.protection > 0.0 else max(smallest_distance, _NEAREST)
    first, *_ = edge_rows(np.asarray([[nearest, 0.0, 0.0]]), settings)
    ends = np.stack([np.asarray((raw - davg) / dstd) for raw in (0.0, first[0, 0])])
    return float(ends.min()), float(ends.max())


class Errors(NamedTuple):
    """How far the polynomials are from a function, between the nodes of each of n intervals.

    `value` is relative to the function's largest value, `derivative` to its largest derivative.
    """

    value: Float[np.ndarray, "n"]
    derivative: Float[np.ndarray, "n"]

    def are_within(self, tolerance: float) -> Bool[np.ndarray, "n"]:
        """Which intervals are fine enough."""
        return (self.value <= tolerance) & (self.derivative <= 100.0 * tolerance)


def basis_errors(function: Function, basis: Basis, scale: tuple[float, float] | None = None) -> Errors:
    """Compares the polynomials with those through three times as many nodes; cheap enough to be repeated in training.

    Parameters
    ----------
    scale : two floats or None
        Largest value and derivative; None: on the intervals of this basis.
    """
    value, derivative = (np.abs(each).max(axis=(2, 3)) for each in _deviations(function, basis))
    largest = scale or (value[0].max(), derivative[0].max())
    return Errors(value[1] / max(largest[0], _TINY), derivative[1] / max(largest[1], _TINY))


def find_basis(
    function: Function, low: float, high: float, tolerance: float = TOLERANCE, degree: int = 16
) -> Basis | None:
    """Few intervals from `low` to `high` on each of which the polynomials represent a function.

    Each interval, from the lower end on, is about as long as two polynomials fewer would allow it to be: so what they
    miss is a hundred times smaller than `tolerance` (as in `Errors.are_within`), which rounding hides from the check,
    and a net may change before the check fails. A function with more noise in itself gets ten or a hundred times the
    tolerance. None: even so it would need more than `MAX_INTERVALS`.
    """
    fewer = degree - 2
    rough = _deviations(function, Basis(tuple(np.linspace(low, high, 9)), fewer))
    scale = (float(np.abs(rough[0][0]).max()), float(np.abs(rough[1][0]).max()))
    for factor in (1.0, 10.0, 100.0):

        def fits(start: float, end: float, allowed: float = factor * tolerance) -> bool:
            return bool(basis_errors(function, Basis((start, end), fewer), scale).are_within(allowed)[0])

        bounds = _intervals(fits, float(low), float(high))
        if bounds is not None:
            return Basis(bounds, degree)
    return None


def _intervals(fits: Callable[[float, float], bool], low: float, high: float) -> tuple[float, ...] | None:
    """Bounds of intervals that fit, each as long as can be; None if there were too many."""
    bounds = [low]
    while bounds[-1] < high:
        end = _furthest(fits, bounds[-1], high, (high - low) / MAX_INTERVALS**2)
        if end is None or len(bounds) > MAX_INTERVALS:
            return None
        bounds.append(end)
    return tuple(bounds)


def _furthest(fits: Callable[[float, float], bool], start: float, high: float, shortest: float) -> float | None:
    """To where an interval may reach, found by halving to 2 %; None if it were too short."""
    if fits(start, high):
        return high
    good, bad = 0.0, high - start
    while bad - good > 0.02 * bad:
        if bad < shortest:
            return None
        middle = 0.5 * (good + bad)
        good, bad = (middle, bad) if fits(start, start + middle) else (good, middle)
    return start + good


def refine_basis(function: Function, basis: Basis, tolerance: float = TOLERANCE) -> Basis | None:
    """The basis with those intervals halved that fail the check, until none does; None as for `find_basis`."""
    while not (fine := basis_errors(function, basis).are_within(tolerance)).all():
        bounds = list(basis.bounds)
        for i in reversed(np.flatnonzero(~fine)):
            bounds.insert(i + 1, 0.5 * (bounds[i] + bounds[i + 1]))
        basis = basis._replace(bounds=tuple(bounds))
        if basis.nintervals > MAX_INTERVALS:
            return None
    return basis


_TINY = 1e-300
"""In the place of a scale that is 0."""
_REFINED = 3
"""So many times more nodes than the polynomials need; an odd number, as then those are among them."""


def _deviations(function: Function, basis: Basis) -> tuple[np.ndarray, np.ndarray]:
    """For value and derivative: (that of the function, what the polynomials miss), (2, nintervals, points, m)."""
    refined = basis._replace(degree=_REFINED * basis.degree)
    values = function(nodes(refined))
    values = values.reshape(basis.nintervals, refined.degree, -1)
    by_value, by_derivative = _comparison(basis.degree)
    slopes = (2.0 / np.diff(basis.bounds))[:, None, None]
    return by_value[:, None] @ values, slopes * (by_derivative[:, None] @ values)


@cache
def _comparison(degree: int) -> tuple[np.ndarray, np.ndarray]:
    """From values at the refined nodes to those between the nodes and what is missed there, (2, points, nodes) each.

    The derivative is looked at inside an interval only: at its ends rounding is amplified most.
    """
    fine = _inverse(_REFINED * degree)
    coarse = np.zeros_like(fine)
    coarse[:degree, _REFINED // 2 :: _REFINED] = _inverse(degree)
    series = np.stack([fine, fine - coarse])
    between = np.cos(np.pi * np.arange(degree + 1) / degree)
    vandermonde = np.polynomial.chebyshev.chebvander
    slopes = np.polynomial.chebyshev.chebder(series, axis=1)
    return vandermonde(between, len(fine) - 1) @ series, vandermonde(between[1:-1], len(fine) - 2) @ slopes


def _points(degree: int) -> np.ndarray:
    """Zeros of T_degree, descending."""
    return np.cos(np.pi * (np.arange(degree) + 0.5) / degree)


@cache
def _inverse(degree: int) -> np.ndarray:
    """From the values at the points of an interval to the coefficients of T_0 ... T_{degree - 1}."""
    values = np.cos(np.pi * np.outer(np.arange(degree), np.arange(degree) + 0.5) / degree)
    inverse: np.ndarray = values * (2.0 - (np.arange(degree)[:, None] == 0)) / degree
    return inverse


class OnBasis(Module):
    """Base of modules whose nets of one number may be matrices on a basis of theirs, the static field ``basis``."""

    basis: Basis | None

    @property
    def values(self) -> Function:
        """The values of all these nets as they are now, in double precision."""
        raise NotImplementedError

    @property
    def wants_matrices(self) -> bool:
        """Whether they can be matrices, and are cheaper so."""
        raise NotImplementedError

    def limits(self, smallest_distance: float) -> tuple[float, float]:
        """Between which numbers they are wanted if no atoms are nearer than this [Å]."""
        raise NotImplementedError

    def as_matrices(self: AnyModule) -> AnyModule:
        """The same with `Matrix` in the place of the nets, whose parameters are constants from now on."""
        raise NotImplementedError

    def with_nets(self: AnyModule, change: Callable[[EmbeddingNetwork], Module]) -> AnyModule:
        """The same with other functions in the place of the nets of one distance; InputError: why there are none.

        Where deepmd-kit tabulates nets of angles it is the same, and `change` is not called.
        """
        raise NotImplementedError


def expected_distance(model: Tree) -> float:
    """To which distance nets are wanted at least [Å]: where spins are short, virtual atoms stand on their atoms."""
    expansion = getattr(model, "expansion", None)  # a part of a model has none
    return 0.0 if expansion is not None and expansion.reaches_zero else SMALLEST_DISTANCE


def with_bases(tree: Tree, smallest_distance: float | None = None) -> Tree:
    """The tree with a basis that fits the nets as they are, wherever nets may be matrices.

    `smallest_distance` [Å] is where they may end, by default `expected_distance`; what reaches less far has fewer
    intervals, and is cheaper.
    """
    if smallest_distance is None:
        smallest_distance = expected_distance(tree)

    def fit(each: OnBasis) -> Basis | None:
        return find_basis(each.values, *each.limits(smallest_distance)) if each.wants_matrices else None

    return with_modules(tree, {path: replace(each, basis=fit(each)) for path, each in modules(tree, OnBasis)})


def bases_of(tree: Tree) -> dict[str, list[float]]:
    """Paths of what has a basis, and the ends of its intervals: for a checkpoint."""
    return {
        path: [float(end) for end in each.basis.bounds]
        for path, each in modules(tree, OnBasis)
        if each.basis is not None
    }


def with_these_bases(tree: Tree, bounds: Mapping[str, Sequence[float]]) -> Tree:
    """The tree with the bases that `bases_of` gave; what is not named has none.

    Raises
    ------
    ModelFileError
        They are none.
    """
    for path, each in bounds.items():
        ascends = all(isinstance(one, float) for one in each) and all(one < two for one, two in pairwise(each))
        if not 1 < len(each) <= MAX_INTERVALS + 2 or not ascends:
            raise ModelFileError(f"the checkpoint's intervals of {path} are not numbers that ascend: damaged.")
    bases = {path: Basis(tuple(each)) for path, each in bounds.items()}
    return with_modules(tree, {path: replace(each, basis=bases.get(path)) for path, each in modules(tree, OnBasis)})


def with_refined_bases(tree: Tree) -> Tree | None:
    """The tree with intervals split that no longer represent the nets; None where all do."""
    changes: dict[str, Module] = {}
    for path, each in modules(tree, OnBasis):
        if each.basis is not None:
            basis = refine_basis(each.values, each.basis)
            if basis != each.basis:
                changes[path] = replace(each, basis=basis)
    return with_modules(tree, changes) if changes else None


def with_matrices(tree: Tree) -> Tree:
    """The tree with matrices for its nets, on bases that fit them as they are: what files hold and evaluation takes."""
    fitted = with_bases(tree)
    return with_modules(
        fitted, {path: each.as_matrices() for path, each in modules(fitted, OnBasis) if each.basis is not None}
    )
