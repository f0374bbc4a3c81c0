# SPDX-License-Identifier: LGPL-3.0-or-later
r"""Chebyshev moments of an atom's neighbors: all that a sum over embedded neighbors needs of the geometry.

A net of one number s is, interval by interval, a series of Chebyshev polynomials, G(s) = Σ_q T_q(s) C_q, and it
stands under a sum over neighbors. So Σ_j R_j ⊗ G(s_j) = A C with the moments A = Σ_j R_j ⊗ T(s_j), without a
parameter in them, and the coefficients C, without geometry (`deepmd_dp.nn.matrix`).

A map from geometry to A that is linear in R, its transpose and its directional derivative are all that a backend's
kernels do; the plain form below serves everywhere, and is what frozen files hold.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from deepmd_dp.dialect.array import Array, Float, Int
from deepmd_dp.dialect.array_api import array_namespace, constant, shape
from deepmd_dp.dialect.edge_rows import EnvSettings, edge_rows
from deepmd_dp.dialect.gather_scatter import scatter_add
from deepmd_dp.dialect.operation import operation


class Basis(NamedTuple):
    """Chebyshev polynomials on intervals of s: on each T_0 to T_{degree - 1} of u in [-1, 1], elsewhere 0.

    Beyond either end of all intervals each polynomial goes on linearly, with its value and slope there.

    Attributes
    ----------
    bounds : tuple of float
        Ends of the intervals, ascending.
    degree : int
        Polynomials on an interval.
    """

    bounds: tuple[float, ...]
    degree: int = 16

    @property
    def nintervals(self) -> int:
        """Number of intervals."""
        return len(self.bounds) - 1

    @property
    def size(self) -> int:
        """Number of functions, Q."""
        return self.nintervals * self.degree


@operation
def environment_moments(
    edge_vec: Float[Array, "ncenters nnei 3"],
    weights: Float[Array, "ncenters nnei"],
    segment: Int[Array, "ncenters nnei"] | None,
    shift: Float[Array, "ncenters #nnei columns"],
    scale: Float[Array, "ncenters #nnei columns"],
    *,
    settings: EnvSettings,
    basis: Basis,
    nsegments: int = 1,
    switched: bool = False,
) -> Float[Array, "ncenters columns nsegments functions"] | Float[Array, "ncenters 2 columns nsegments functions"]:
    """A[i, c, t, q] = Σ_{j of segment t} w_ij R_ijc T_q(s_ij), R the normalised environment matrix and s = R[..., 0].

    Parameters
    ----------
    edge_vec : [Å]
        None of them zero.
    weights
        How often a neighbor counts; 0: not at all. A constant: it has no derivative.
    segment
        To which sum a neighbor belongs, in [0, nsegments); None: there is one.
    shift, scale : [1/Å], [Å]
        R = (row of the environment matrix - shift) * scale; constants. The result has their type.
    switched
        Give a second sum too, whose terms are multiplied by the switch.
    """
    xp = array_namespace(edge_vec)
    rows, switch, _ = edge_rows(edge_vec, settings)
    rows = (xp.astype(rows, shift.dtype) - shift) * scale
    weighted = rows * weights[:, :, None]
    if switched:
        weighted = xp.concat([weighted, weighted * xp.astype(switch, shift.dtype)], axis=-1)
    moments = _moments(rows[:, :, 0], weighted, segment, basis, nsegments)
    if not switched:
        return moments
    return xp.reshape(moments, (shape(moments)[0], 2, settings.columns, nsegments, basis.size))


@operation
def split_switched(a: Float[Array, "n 2 *rest"]) -> tuple[Float[Array, "n *rest"], Float[Array, "n *rest"]]:
    """Moments without and with the switch. Derivatives of slices are arrays of zeros to be filled, one for each."""
    return a[:, 0, ...], a[:, 1, ...]


@operation
def chebyshev_moments(
    s: Float[Array, "ncenters nnei"],
    rows: Float[Array, "ncenters nnei columns"],
    segment: Int[Array, "ncenters nnei"] | None,
    *,
    basis: Basis,
    nsegments: int = 1,
) -> Float[Array, "ncenters columns nsegments functions"]:
    """A[i, c, t, q] = Σ_{j of segment t} rows_ijc T_q(s_ij).

    Parameters
    ----------
    segment
        To which sum a term belongs, in [-1, nsegments), -1: to none; None: there is one sum.
    """
    return _moments(s, rows, segment, basis, nsegments)


def _moments(s: Array, rows: Array, segment: Array | None, basis: Basis, nsegments: int) -> Array:
    """The sums of row times polynomial in each interval; nothing of Q numbers an edge is ever formed.

    The polynomials come as products of two factors, and a constant matrix makes T_q of the sums of those.
    """
    xp = array_namespace(s)
    n = shape(s)[0]
    columns = shape(rows)[2]
    inside = _inside(s, basis)
    functions = _functions(s, inside, basis)
    if segment is None:
        sums = xp.matmul(xp.matrix_transpose(outer_products(rows, inside)), functions)
    else:
        sums = _scattered(rows, functions, _bins(inside, segment, basis.nintervals), nsegments * basis.nintervals)
        sums = xp.reshape(sums, (n, nsegments * basis.nintervals, columns, basis.degree + 2))
        sums = xp.permute_dims(sums, (0, 2, 1, 3))
    sums = xp.reshape(sums, (-1, basis.degree + 2))
    return xp.reshape(xp.matmul(sums, constant(_combination(basis.degree), s)), (n, columns, nsegments, basis.size))


def _inside(s: Array, basis: Basis) -> Array:
    """1 where s is in an interval, the outer ones without end, (n, nedge, nintervals)."""
    xp = array_namespace(s)
    one = xp.ones_like(s)[:, :, None]
    if basis.nintervals == 1:
        return one
    above = xp.astype(s[:, :, None] >= constant(np.asarray(basis.bounds[1:-1]), s), s.dtype)
    return xp.concat([one, above], axis=-1) - xp.concat([above, xp.zeros_like(one)], axis=-1)


def _functions(s: Array, inside: Array, basis: Basis) -> Array:
    """T_i(u) T_mj(u) for i < m and j < degree / m, and how far u is beyond 1 and beyond -1, (n, nedge, degree + 2)."""
    xp = array_namespace(s)
    low, high = np.asarray(basis.bounds[:-1]), np.asarray(basis.bounds[1:])
    where = xp.matmul(inside, constant(np.stack([0.5 * (low + high), 2.0 / (high - low)], axis=1), s))
    u = (s[:, :, None] - where[:, :, :1]) * where[:, :, 1:]
    zero = xp.zeros_like(u)
    beyond = [xp.where(u > 1.0, u - 1.0, zero), xp.where(u < -1.0, u + 1.0, zero)]
    u = u - beyond[0] - beyond[1]
    fine, v = _chebyshev(u, _split(basis.degree))
    coarse, _ = _chebyshev(v, basis.degree // len(fine))
    return xp.concat([outer_products(xp.concat(coarse, axis=-1), xp.concat(fine, axis=-1)), *beyond], axis=-1)


def _chebyshev(u: Array, number: int) -> tuple[list[Array], Array]:
    """T_0 to T_{number - 1} of u, and T_number."""
    values = [array_namespace(u).ones_like(u), u]
    for _ in range(number - 1):
        values.append(2.0 * u * values[-1] - values[-2])
    return values[:number], values[number]


def _split(degree: int) -> int:
    """The largest factor not above the square root."""
    return max(m for m in range(1, degree + 1) if degree % m == 0 and m * m <= degree)


@cache
def _combination(degree: int) -> np.ndarray:
    """From the products of `_functions` to T_0 ... T_{degree - 1}, (degree + 2, degree)."""
    q = np.arange(degree)
    products = np.zeros((degree, degree))
    m = _split(degree)
    for p in range(degree):  # T_i T_k = (T_{k + i} + T_{k - i}) / 2
        products[p, p] += 0.5
        products[p, abs(p - 2 * (p % m))] += 0.5
    slopes = [q**2.0, -((-1.0) ** q) * q**2]
    return np.concatenate([np.rint(np.linalg.inv(products)).T, slopes])


def _bins(inside: Array, segment: Array, nintervals: int) -> Array:
    """Number of the interval and segment of each edge, -1 where it belongs to none, (n, nedge) integers."""
    xp = array_namespace(segment)
    number = xp.matmul(inside, constant(np.arange(nintervals)[:, None], inside))[:, :, 0]
    return xp.where(segment < 0, segment, segment * nintervals + xp.astype(number, segment.dtype))


def _scattered(rows: Array, functions: Array, index: Array, size: int) -> Array:
    """Sums of the outer products by their index, (n, size, columns * number of functions)."""
    return scatter_add(outer_products(rows, functions), index, size)


@operation
def outer_products(
    a: Float[Array, "ncenters nnei n"], b: Float[Array, "ncenters nnei m"]
) -> Float[Array, "ncenters nnei _"]:
    """Each number of a row with each of another: out[..., k * m + l] = a[..., k] b[..., l]."""
    product = a[:, :, :, None] * b[:, :, None, :]
    return array_namespace(a).reshape(product, (*shape(a)[:2], shape(a)[2] * shape(b)[2]))


def outer_products_by_matmul(
    a: Float[Array, "ncenters nnei n"], b: Float[Array, "ncenters nnei m"]
) -> Float[Array, "ncenters nnei _"]:
    """The same as products of matrices, for libraries that are slow at arrays which are both repeated."""
    xp, lead, n, m = array_namespace(a), shape(a)[:2], shape(a)[2], shape(b)[2]
    product = xp.matmul(xp.reshape(a, (*lead, n, 1)), xp.reshape(b, (*lead, 1, m)))
    return xp.reshape(product, (*lead, n * m))
