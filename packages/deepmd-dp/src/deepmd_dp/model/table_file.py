# SPDX-License-Identifier: LGPL-3.0-or-later
"""Files of tabulated pair potentials: read, brought to a cut-off, and made cubic splines of, as deepmd-kit does."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from deepmd.errors import InputError, first_line
from deepmd.files import read_text
from deepmd.files.reading import reading
from deepmd_dp.dialect.array import Float

_GRID_TOLERANCE = 0.01
"""How far a step may be from the first one, in steps: files have few digits."""


def read_table(path: str | Path, type_map: tuple[str, ...]) -> Float[np.ndarray, "nrows _"]:
    """Distances [Å] in equal steps, and for each pair of types, 0-0, 0-1, …, 1-1, …, its energy there [eV].

    Raises
    ------
    InputError
        There is no such file, or it is no table for these types.
    """
    with reading(path, InputError):
        lines = [line for line in read_text(path).splitlines() if line.partition("#")[0].strip()]
        try:
            table = np.loadtxt(lines, ndmin=2) if lines else np.zeros((0, 0))
        except ValueError as error:
            raise InputError(f"{path} is no table of numbers ({first_line(error).partition(';')[0]}).") from error
    _check_table(table, str(path), type_map)
    return table


def _check_table(table: np.ndarray, path: str, type_map: tuple[str, ...]) -> None:
    ntypes = len(type_map)
    expected = 1 + ntypes * (ntypes + 1) // 2
    if table.shape[0] < 2:
        raise InputError(f"{path} has {table.shape[0]} rows; a table has two or more.")
    if table.shape[1] != expected:
        raise InputError(
            f"{path} has {table.shape[1]} columns; expected {expected}, the distance and an energy for each pair of "
            f"the {ntypes} types {', '.join(type_map)}."
        )
    if not np.isfinite(table).all():
        row = int(np.argmin(np.isfinite(table).all(axis=1)))
        raise InputError(f"{path}, row {row + 1}: a number is not finite; mend the table.")
    steps = np.diff(table[:, 0])
    uneven = np.abs(steps - steps[0]) > _GRID_TOLERANCE * abs(steps[0])
    if steps[0] <= 0 or table[0, 0] < 0 or uneven.any():
        row = int(np.argmax(uneven)) + 2 if uneven.any() else 1
        raise InputError(f"{path}, row {row}: expected distances from 0 on that grow in equal steps.")


def reaching(table: Float[np.ndarray, "nrows _"], rcut: float) -> Float[np.ndarray, "_ _"]:
    """The table with rows up to the cut-off [Å], where it ends before.

    After a last row of zeros come zeros. Otherwise a single cubic goes from the last row to 0 at the last point below
    the cut-off (where there is none, at the first one beyond), flat at its end; its slope at the beginning is, as in
    deepmd-kit, the difference of the last two rows, whatever their distance is.
    """
    end, step = table[-1, 0], table[1, 0] - table[0, 0]
    if rcut <= end:
        return table
    nrows = math.ceil(rcut / step - table[0, 0] / step) - (len(table) - 1)
    rows = np.zeros((nrows, table.shape[1]))
    rows[:, 0] = np.linspace(end + step, end + step * nrows, nrows)
    last = table[-1, 1:]
    if np.any(last != 0.0):
        is_below = rows[-1, 0] / step - end / step >= 2
        zero = rows[-2 if is_below else -1, 0]
        slope = last - table[-2, 1:]
        rows[:, 1:] = _to_zero((rows[:, :1] - end) / (zero - end), last, slope * (zero - end))
        rows = rows[:-1] if is_below else rows
    return np.concatenate([table, rows])


def _to_zero(x: np.ndarray, value: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """The cubic with this value and slope at x = 0, both 0 at x = 1."""
    cubic: np.ndarray = value * (1.0 + x * x * (2.0 * x - 3.0)) + slope * x * (1.0 - x) ** 2
    return cubic


def spline_coefficients(
    x: Float[np.ndarray, "nrows"], values: Float[np.ndarray, "nrows _"]
) -> Float[np.ndarray, "_ _ 4"]:
    """Of the cubic spline through each column that is flat at both ends, (ncolumns, nrows - 1, 4).

    In the interval k it is ((a u + b) u + c) u + d of u = (x - x_k) / h from 0 to 1, h the first step.
    """
    slope = (x[1] - x[0]) * _slopes(x, values)
    rise = values[1:] - values[:-1]
    at, after = slope[:-1], slope[1:]
    rows = np.stack([at + after - 2.0 * rise, 3.0 * rise - 2.0 * at - after, at, values[:-1]], axis=-1)
    return np.swapaxes(rows, 0, 1)


def _slopes(x: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The slopes at the points that make the second derivatives continuous, 0 at both ends.

    (s_k-1 / h_k-1) + 2 s_k (1 / h_k-1 + 1 / h_k) + (s_k+1 / h_k) = 3 (rise_k-1 / h_k-1² + rise_k / h_k²), by
    elimination.
    """
    h = np.diff(x)
    rhs = 3.0 * np.diff(values, axis=0) / (h * h)[:, None]
    slopes = np.zeros_like(values)
    upper, found = np.zeros(len(x)), np.zeros_like(values)
    for k in range(1, len(x) - 1):
        pivot = 2.0 * (1.0 / h[k - 1] + 1.0 / h[k]) - upper[k - 1] / h[k - 1]
        upper[k] = 1.0 / (h[k] * pivot)
        found[k] = (rhs[k - 1] + rhs[k] - found[k - 1] / h[k - 1]) / pivot
    for k in range(len(x) - 2, 0, -1):
        slopes[k] = found[k] - upper[k] * slopes[k + 1]
    return slopes
