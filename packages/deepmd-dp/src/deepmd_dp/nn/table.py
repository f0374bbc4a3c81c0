# SPDX-License-Identifier: LGPL-3.0-or-later
r"""An embedding net of one number as a table of fifth-order polynomials: the compressed form of deepmd-kit.

On pieces of equal width h, G(s) = Σ_k c_k (s - s₀)^k, k from 0 to 5, with the net's value, slope and curvature at both
ends of a piece. Two widths: a fine one where the data are, a coarse one beyond, up to a multiple of that range; outside
the table goes on linearly.

References
----------
Lu et al., J. Chem. Theory Comput. 18, 5559 (2022), DP Compress.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deepmd.contract import take_array
from deepmd.errors import InputError, ModelFileError
from deepmd_dp.dialect.array import Array, Float, Int
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import Module, buffer, module, static

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deepmd_dp.nn.network import EmbeddingNetwork, NetworkCollection

_ORDER = 6
"""Coefficients of a polynomial."""
_COARSE = 10.0
"""How much wider the coarse pieces are."""
_MOST = 200_000
"""Pieces of a table; a hundred times more than usual."""


class Pieces(NamedTuple):
    """Where the pieces are.

    Attributes
    ----------
    lower, upper, end : float
        The fine pieces go from `lower` to `upper`, the coarse ones on to `end`.
    fine, coarse : float
        Their widths.
    check_frequency : float
        Carried along for deepmd-kit: how often it looks for numbers outside, -1: never.
    """

    lower: float
    upper: float
    end: float
    fine: float
    coarse: float
    check_frequency: float = -1.0

    @property
    def nfine(self) -> int:
        """Number of fine pieces, by a division in the type of the table: single precision if the width is of that."""
        kind = np.float32 if float(np.float32(self.fine)) == self.fine else np.float64
        return int(kind(self.upper - self.lower) / kind(self.fine))

    @property
    def knots(self) -> Float[np.ndarray, "n"]:
        """The ends of all pieces, ascending."""
        ncoarse = int((self.end - self.upper) / self.coarse)
        return np.concatenate(
            [
                self.lower + self.fine * np.arange(self.nfine),
                self.upper + self.coarse * np.arange(ncoarse + 1),
            ]
        )

    @classmethod
    def covering(
        cls, limits: tuple[float, float], step: float, extrapolate: float, check_frequency: int, dtype: np.dtype[Any]
    ) -> Pieces:
        """Pieces no wider than `step` between the limits, widened to whole numbers; coarse ones on to a multiple.

        Readers find a piece by a division in the type of the table: it must give whole numbers of pieces.
        """
        lower, upper = math.floor(limits[0]), math.ceil(limits[1])
        end = max(extrapolate * upper, upper + _COARSE * step)
        number = (upper - lower) / step + (end - upper) / (_COARSE * step)
        if number > _MOST:
            raise InputError(f"a table would have {number:.0f} pieces, {_MOST} at most; take a larger step.")
        widths = (_width(upper - lower, step, dtype), _width(end - upper, _COARSE * step, dtype))
        return cls(lower, upper, end, *widths, check_frequency)


def _width(length: float, most: float, dtype: np.dtype[Any]) -> float:
    """The largest width not above `most` of which a length has a whole number, rounding included."""
    number = math.ceil(length / most - 1e-6)
    width, whole = dtype.type(length / number), dtype.type(length)
    while min(int(whole / width), int(length / float(width))) < number:
        width = np.nextafter(width, dtype.type(0))
    return float(width)


@module
class Table(Module):
    """A net of one number by its polynomials.

    Attributes
    ----------
    net
        What it was made of; not evaluated.
    coefficients
        c_k of each piece and of the lines below and above all pieces, which are the first and the last.
    """

    net: EmbeddingNetwork
    coefficients: Float[Array, "6 _ width"] = buffer()
    pieces: Pieces = static()
    trainable: bool = static(default=False)

    @property
    def width(self) -> int:
        """Numbers that the table gives."""
        return int(self.coefficients.shape[2])

    @property
    def total_width(self) -> int:
        """Numbers that are held for one input."""
        return _ORDER * self.width

    def __call__(self, x: Float[Array, "*lead 1"]) -> Float[Array, "*lead width"]:
        xp = array_namespace(x)
        lead = shape(x)[:-1]
        row, distance = self._locate(xp.reshape(x, (-1,)))
        distance = distance[:, None]
        value = xp.take(self.coefficients[_ORDER - 1, :, :], row, axis=0)
        for k in range(_ORDER - 2, -1, -1):
            value = value * distance + xp.take(self.coefficients[k, :, :], row, axis=0)
        return xp.reshape(value, (*lead, self.width))

    def _locate(self, x: Float[Array, "n"]) -> tuple[Int[Array, "n"], Float[Array, "n"]]:
        """The place of each number's polynomial among the coefficients, and how far the number is from its origin."""
        xp, pieces, npieces = array_namespace(x), self.pieces, self.coefficients.shape[1] - 2
        is_fine, is_below, is_above = x < pieces.upper, x < pieces.lower, x >= pieces.end
        fine = xp.astype((x - pieces.lower) / pieces.fine, xp.int64)
        coarse = xp.astype((x - pieces.upper) / pieces.coarse, xp.int64) + pieces.nfine
        place = xp.where(is_fine, fine, coarse)
        place = xp.where(place < npieces, place, xp.zeros_like(place) + (npieces - 1))
        steps = xp.astype(place, x.dtype)
        origin = xp.where(
            is_fine, steps * pieces.fine + pieces.lower, (steps - float(pieces.nfine)) * pieces.coarse + pieces.upper
        )
        zero = xp.zeros_like(origin)
        origin = xp.where(is_below, zero + pieces.lower, xp.where(is_above, zero + pieces.end, origin))
        row = xp.where(is_above, xp.zeros_like(place) + (npieces + 1), place + 1)
        return xp.where(is_below, xp.zeros_like(row), row), x - origin

    def serialize(self) -> dict[str, Any]:
        """The contract's tree of the net; the table stands elsewhere, see `write_tables`."""
        return self.net.serialize()

    def rows(self) -> Float[np.ndarray, "n _"]:
        """The coefficients as the contract has them: for each piece those of the first number of the net, …."""
        inner = np.asarray(self.coefficients)[:, 1:-1, :]
        return np.ascontiguousarray(np.transpose(inner, (1, 2, 0)).reshape(len(inner[0]), -1))

    @classmethod
    def of_rows(cls, net: EmbeddingNetwork, rows: Float[np.ndarray, "n _"], pieces: Pieces) -> Table:
        """The inverse of `rows`."""
        npieces = len(rows)
        inner = np.transpose(rows.reshape(npieces, net.width, _ORDER), (2, 0, 1))
        dx = pieces.end - (pieces.upper + (npieces - 1 - pieces.nfine) * pieces.coarse)
        lines = np.zeros((2, _ORDER, net.width), rows.dtype)
        lines[0, :2] = inner[:2, 0]
        powers = dx ** np.arange(_ORDER)
        lines[1, 0] = powers @ inner[:, -1]
        lines[1, 1] = (np.arange(1, _ORDER) * powers[:-1]) @ inner[1:, -1]
        return cls(
            net=net,
            coefficients=np.concatenate([lines[0][:, None], inner, lines[1][:, None]], axis=1),
            pieces=pieces,
        )


def net_of(net: EmbeddingNetwork | Table) -> EmbeddingNetwork:
    """The net itself where it is a table of one."""
    return net.net if isinstance(net, Table) else net


def write_tables(nets: NetworkCollection) -> dict[str, Any]:
    """The contract's entries ``compress_data`` and ``compress_info`` of the nets' tables; empty where there are none.

    A net without a table, that of excluded pairs, has empty arrays there.
    """
    tables = [net if isinstance(net, Table) else None for net in nets.networks]
    if not any(tables):
        return {}
    empty = np.zeros(0)
    return {
        "compress_data": [empty if table is None else table.rows() for table in tables],
        "compress_info": [empty if table is None else np.asarray(table.pieces) for table in tables],
    }


def read_tables(nets: NetworkCollection, variables: Mapping[str, Any], where: str) -> NetworkCollection:
    """The nets with the tables that these entries of the contract give them.

    Raises
    ------
    ModelFileError
        They do not fit the nets.
    """
    given = list(zip(variables["compress_data"], variables["compress_info"], strict=True))
    if len(given) != len(nets.networks):
        raise ModelFileError(
            f"{where}: {len(given)} tables of compressed nets; expected {len(nets.networks)}: damaged."
        )
    found = [
        net if np.size(info) == 0 else _read_table(net, rows, info, f"{where}, table {number}")
        for number, (net, (rows, info)) in enumerate(zip(nets.networks, given, strict=True))
    ]
    return replace(nets, networks=tuple(found))


def _read_table(net: EmbeddingNetwork, rows: Any, info: Any, where: str) -> Table:
    numbers = take_array({"compress_info": info}, "compress_info", (len(Pieces._fields),), where=where)
    pieces = Pieces(*map(float, numbers))
    rows = take_array({"compress_data": rows}, "compress_data", (-1, _ORDER * net.width), where=where)
    is_range = pieces.lower < pieces.upper <= pieces.end and min(pieces.fine, pieces.coarse) > 0.0
    if not (is_range and np.isfinite(numbers).all() and np.isfinite(rows).all()):
        raise ModelFileError(f"{where}: its pieces are {tuple(pieces)}, or its numbers are not finite: damaged.")
    # at least one is coarse; deepmd-kit rounds their number up or down
    last = (pieces.end - pieces.upper) / pieces.coarse
    if not (pieces.upper - pieces.lower) / pieces.fine < len(rows) + 1 or not (
        pieces.nfine < len(rows) and abs(len(rows) - pieces.nfine - last) < 2.0
    ):
        raise ModelFileError(f"{where}: {len(rows)} pieces do not fit its range, {tuple(pieces)}: damaged.")
    return Table.of_rows(net, rows, pieces)
