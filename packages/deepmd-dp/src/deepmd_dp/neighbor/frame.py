# SPDX-License-Identifier: LGPL-3.0-or-later
"""One frame's atoms and boundary, checked and laid out as the C++ code reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd_dp.dialect.array import Float, Int

if TYPE_CHECKING:
    from collections.abc import Sequence

Flags = tuple[bool, bool, bool]
"""Of the three cell vectors."""


@dataclass(frozen=True)
class Frame:
    """What is known of a frame, in arrays that C++ reads as they are (`deepmd_dp.native.library.frame_of`).

    Parameters
    ----------
    coord, box : [Å]
    """

    coord: Float[np.ndarray, "nloc 3"]
    atype: Int[np.ndarray, "nloc"]
    box: Float[np.ndarray, "3 3"] | None
    pbc: Flags


def check_frame(coord: Any, box: Any, atype: Any, pbc: Any, ntypes: int | None = None) -> Frame:
    """Check a frame; arrays of the right kind are not copied.

    Raises
    ------
    ValueError
        If a shape, a type or the boundary is not what was expected.
    """
    coord = _as_float_array("coord", coord)
    if coord.ndim != 2 or coord.shape[1] != 3:
        raise ValueError(f"coord has shape {coord.shape}; expected (nloc, 3), in Å")
    box = _check_box(box)
    atype = _check_types(atype, len(coord), ntypes)
    return Frame(coord, atype, box, _check_pbc(pbc, box))


def check_exclude_pairs(pairs: Any) -> list[tuple[int, int]]:
    """Pairs of types as C++ takes them; raises ValueError for anything else."""
    try:
        return [(int(i), int(j)) for i, j in pairs]
    except (TypeError, ValueError):
        raise ValueError(f"exclude_pairs is {pairs!r}; expected pairs of types, such as [(0, 1)]") from None


def check_sel(sel: Sequence[int] | None, nsections: int) -> list[int] | None:
    """Widths of sections as C++ takes them; raises ValueError for anything else."""
    if sel is None:
        return None
    widths = [int(width) for width in sel]
    if len(widths) != nsections or min(widths) < 0:
        raise ValueError(
            f"sel is {list(sel)}; expected {nsections} numbers, none below 0: one for "
            "each type if by_type, else one; or None for as many as the atoms have"
        )
    return widths


def _as_float_array(name: str, values: Any) -> np.ndarray:
    try:
        return np.ascontiguousarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is not an array of numbers: {error}") from None


def _check_box(box: Any) -> np.ndarray | None:
    if box is None:
        return None
    checked = _as_float_array("box", box)
    if checked.shape != (3, 3):
        raise ValueError(
            f"box has shape {checked.shape}; expected (3, 3), one row for each cell "
            "vector, in Å, or None for open boundaries"
        )
    return checked


def _check_types(atype: Any, nloc: int, ntypes: int | None) -> np.ndarray:
    atype = np.asarray(atype)
    if atype.size == 0:
        atype = atype.astype(np.int32)
    if atype.shape != (nloc,) or not np.issubdtype(atype.dtype, np.integer):
        raise ValueError(
            f"atype has shape {atype.shape} and holds {atype.dtype}; expected "
            f"({nloc},) integers, one for each row of coord"
        )
    limit = np.iinfo(np.int32).max if ntypes is None else ntypes
    bad = np.flatnonzero((atype < -1) | (atype >= limit))
    if bad.size:
        raise ValueError(f"atom {bad[0]} has type {atype[bad[0]]}; expected -1 (virtual) or 0 to {limit - 1}")
    return np.ascontiguousarray(atype, dtype=np.int32)


def _check_pbc(pbc: Any, box: np.ndarray | None) -> Flags:
    if pbc is None:
        pbc = box is not None
    flags = tuple(bool(flag) for flag in np.ravel(pbc))
    if len(flags) == 1:
        flags = flags * 3
    if len(flags) != 3:
        raise ValueError(f"pbc is {pbc!r}; expected one bool, three, or None: periodic where there is a box")
    return flags
