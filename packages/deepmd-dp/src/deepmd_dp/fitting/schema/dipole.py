# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `dipole`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.registry import Row
from deepmd_dp.fitting.arguments import check_tensor, net, parameters, selected

if TYPE_CHECKING:
    from dargs import Argument


def fields() -> list[Argument]:
    """The keys of its section."""
    return [*parameters(), *net(), selected("dipole", "dipole_type")]


ROW = Row(
    name="dipole",
    cls="deepmd_dp.fitting.dipole:DipoleFitting",
    doc="Dipole moment as the sum of atomic dipoles; needs a descriptor with an equivariant part.",
    fields=fields,
    check=check_tensor,
)
