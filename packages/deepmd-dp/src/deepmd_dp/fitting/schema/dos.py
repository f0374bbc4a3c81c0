# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `dos`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.registry import Row
from deepmd.schema.argument import POSITIVE, key
from deepmd_dp.fitting.arguments import check_parameters, check_trainable, net, parameters, rcond, trainable

if TYPE_CHECKING:
    from dargs import Argument


def fields() -> list[Argument]:
    """The keys of its section."""
    return [
        *parameters(),
        *net(),
        trainable(),
        rcond("density of states"),
        key("numb_dos", int, "Number of energies at which the density of states is given.", default=300, **POSITIVE),
    ]


def check(section: dict[str, Any], where: str, type_map: list[str]) -> None:
    """Checks the values against each other."""
    check_trainable(section, where)
    check_parameters(section, where)


ROW = Row(
    name="dos",
    cls="deepmd_dp.fitting.dos:DosFitting",
    doc="Density of states as the sum of the atoms'.",
    fields=fields,
    check=check,
    biased_outputs=lambda section: ("dos",),
)
