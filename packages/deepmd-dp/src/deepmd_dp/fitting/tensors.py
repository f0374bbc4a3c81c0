# SPDX-License-Identifier: LGPL-3.0-or-later
"""What fittings of tensors have in common: they want directions, and some types only may have the tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from deepmd.errors import InputError
from deepmd_dp.dialect.module import module
from deepmd_dp.fitting.nets import NetsFitting

if TYPE_CHECKING:
    import numpy as np

    from deepmd_dp.interface import Descriptor

Own = TypeVar("Own", bound="TensorFitting")


@module
class TensorFitting(NetsFitting):
    """Base of fittings whose tensors are made of the description's vectors."""

    @property
    def selected_types(self) -> tuple[int, ...] | None:
        """The types that have the tensor; None: all."""
        excluded, ntypes = self.nets.exclude_types, self.nets.ntypes
        return tuple(t for t in range(ntypes) if t not in excluded) if excluded else None

    @classmethod
    def from_input(
        cls: type[Own],
        section: dict[str, Any],
        type_map: list[str],
        descriptor: Descriptor,
        exclude_types: tuple[int, ...],
        rng: np.random.Generator,
    ) -> Own:
        """A new fitting of the input's section ``fitting_net``, random weights, neutral statistics.

        Raises
        ------
        InputError
            The descriptor has no vectors, or `sel_type` is not a list of types.
        """
        check_knows_directions(descriptor, cls.kind)
        excluded = {*exclude_types, *unselected_types(section.get("sel_type"), len(type_map))}
        return super().from_input(section, type_map, descriptor, tuple(sorted(excluded)), rng)


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
