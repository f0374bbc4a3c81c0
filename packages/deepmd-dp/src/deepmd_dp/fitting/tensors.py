# SPDX-License-Identifier: LGPL-3.0-or-later
"""What fittings of tensors have in common: they want directions, and some types only may have the tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.errors import InputError

if TYPE_CHECKING:
    from deepmd_dp.interface import Descriptor


def check_knows_directions(descriptor: Descriptor, fitting: str) -> None:
    """Checks that there are vectors to make a tensor of.

    Raises
    ------
    InputError
        The descriptor has none.
    """
    if descriptor.dim_equivariant == 0:
        raise InputError(
            f"fitting_net/type is {fitting!r}, which needs a descriptor that knows directions; take se_e2_a, se_atten "
            "or dpa2 (se_e2_r and se_e3 have none)."
        )


def selected_types(exclude_types: tuple[int, ...], ntypes: int) -> tuple[int, ...] | None:
    """The types that have the tensor; None: all."""
    return tuple(t for t in range(ntypes) if t not in exclude_types) if exclude_types else None


def unselected_types(sel_type: int | list[int] | None, ntypes: int) -> tuple[int, ...]:
    """The types that `sel_type` of an input leaves out; None selects all.

    Raises
    ------
    InputError
        It names a type that is not there.
    """
    if sel_type is None:
        return ()
    selected = [sel_type] if isinstance(sel_type, int) else list(sel_type)
    unknown = [each for each in selected if not 0 <= each < ntypes]
    if unknown:
        raise InputError(f"fitting_net/sel_type has {unknown[0]}, expected types from 0 to {ntypes - 1}.")
    return tuple(t for t in range(ntypes) if t not in selected)
