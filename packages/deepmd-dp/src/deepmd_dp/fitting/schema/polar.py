# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `polar`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.registry import Row
from deepmd.schema.argument import key
from deepmd.schema.semantics import check_one_per_type
from deepmd_dp.fitting.arguments import check_tensor, net, parameters, selected

if TYPE_CHECKING:
    from dargs import Argument


def fields() -> list[Argument]:
    """The keys of its section."""
    return [
        *parameters(),
        *net(),
        key("fit_diag", bool, "Whether the nets give a diagonal matrix, and not a full one.", default=True),
        key("scale", [float, list[float]], "Factor of the polarizability, one or one a type.", default=1.0),
        key(
            "shift_diag",
            bool,
            "Whether the diagonal of each type's mean in the data is added, scaled as the rest.",
            default=True,
        ),
        selected("polarizability", "pol_type"),
    ]


def check(section: dict[str, Any], where: str, type_map: list[str]) -> None:
    """Checks the values against each other."""
    check_tensor(section, where, type_map)
    if isinstance(section["scale"], list):
        check_one_per_type(section["scale"], f"{where}/scale", type_map, "factors")


ROW = Row(
    name="polar",
    cls="deepmd_dp.fitting.polar:PolarFitting",
    doc="Polarizability as the sum of atomic ones; needs a descriptor with an equivariant part.",
    fields=fields,
    check=check,
    biased_outputs=lambda section: ("polarizability",) if section["shift_diag"] else (),
)
