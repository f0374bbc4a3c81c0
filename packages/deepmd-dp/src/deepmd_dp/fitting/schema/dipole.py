# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `dipole`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.registry import Row
from deepmd.schema.argument import key
from deepmd.schema.semantics import check_types
from deepmd_dp.fitting.arguments import check_parameters, net, parameters

if TYPE_CHECKING:
    from dargs import Argument


def fields() -> list[Argument]:
    """The keys of its section."""
    doc = "Types of the atoms that have a dipole, one or a list; null: all."
    return [
        *parameters(),
        *net(),
        key("sel_type", [int, list[int], None], doc, optional=True, alias=["dipole_type"]),
    ]


def check(section: dict[str, Any], where: str, type_map: list[str]) -> None:
    """Checks the values against each other."""
    check_parameters(section, where)
    selected = section.get("sel_type")
    if selected is not None:
        check_types(selected if isinstance(selected, list) else [selected], f"{where}/sel_type", type_map)


ROW = Row(
    name="dipole",
    cls="deepmd_dp.fitting.dipole:DipoleFitting",
    doc="Dipole moment as the sum of atomic dipoles; needs a descriptor with an equivariant part.",
    fields=fields,
    check=check,
)
