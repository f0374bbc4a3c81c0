# SPDX-License-Identifier: LGPL-3.0-or-later
"""From deviations to a number: means over real atoms, Huber's function, lengths of vectors."""

from __future__ import annotations

from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace, shape


def masked_mean(x: Float[Array, "nframes nloc ncomponents"], mask: Float[Array, "nframes nloc 1"]) -> Float[Array, ""]:
    """Mean over the components of all atoms of a batch whose mask is 1; 0 where there is none."""
    xp = array_namespace(x)
    count = xp.sum(mask) * x.shape[-1]
    return xp.sum(x * mask) / xp.where(count > 0, count, xp.ones_like(count))


def errors_of_frames(
    difference: Float[Array, "nframes ncomponents"], mask: Float[Array, "nframes nloc 1"]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The mean square, and its root over the mean number of atoms whose mask is 1."""
    xp = array_namespace(difference)
    square = xp.mean(difference * difference)
    natoms = xp.mean(xp.sum(mask, axis=1))
    return square, xp.sqrt(square) / xp.where(natoms > 0, natoms, xp.ones_like(natoms))


def errors_of_atoms(
    difference: Float[Array, "nframes nloc ncomponents"], mask: Float[Array, "nframes nloc 1"]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The mean square over the atoms whose mask is 1, and its root."""
    square = masked_mean(difference * difference, mask)
    return square, array_namespace(difference).sqrt(square)


def error_of_each(kind: str, x: Float[Array, "*axes"], beta: float) -> Float[Array, "*axes"]:
    r"""What errors of a kind are sums or means of: \|x\|, the same but squared below beta (``smooth_mae``), or x²."""
    if kind == "smooth_mae":
        return huber(x, beta) / beta
    return array_namespace(x).abs(x) if kind in ("mae", "mape") else x * x


def mean_of_pairs(x: Float[Array, "nframes n n"], mask: Float[Array, "nframes n"]) -> Float[Array, ""]:
    """Mean over the frames of the mean over pairs whose masks are both 1; 0 for a frame that has none."""
    xp = array_namespace(x)
    total = xp.sum(xp.sum(x * mask[:, :, None] * mask[:, None, :], axis=2), axis=1)
    count = xp.square(xp.sum(mask, axis=1))
    return xp.mean(total / xp.where(count > 0, count, xp.ones_like(count)))


def huber(x: Float[Array, "*axes"], delta: float) -> Float[Array, "*axes"]:
    """x²/2 up to |x| = delta, beyond it the straight line that goes on with the same slope.

    References
    ----------
    Huber, Ann. Math. Stat. 35, 73 (1964).
    """
    xp = array_namespace(x)
    size = xp.abs(x)
    return xp.where(size > delta, delta * (size - 0.5 * delta), 0.5 * x * x)


def lengths(x: Float[Array, "*lead n"]) -> Float[Array, "*lead 1"]:
    """Length along the last axis; the derivative at zero is zero."""
    xp = array_namespace(x)
    square = xp.sum(x * x, axis=-1, keepdims=True)
    is_zero = square <= 0
    root = xp.sqrt(xp.where(is_zero, xp.ones_like(square), square))
    return xp.where(is_zero, xp.zeros_like(square), root)


def projections(
    vectors: Float[Array, "nframes nloc 3"], directions: Float[Array, "nframes nloc n"]
) -> Float[Array, "nframes n//3"]:
    """Σ_i,k v[f, i, k] d[f, i, k, q] of each frame, with n/3 numbers q for each component of an atom's vector."""
    xp = array_namespace(vectors)
    nframes, nloc, width = shape(directions)
    rows = xp.reshape(directions, (nframes, nloc * 3, width // 3))
    return xp.sum(xp.reshape(vectors, (nframes, nloc * 3, 1)) * rows, axis=1)
