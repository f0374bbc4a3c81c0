# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `population`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.registry import Row
from deepmd_dp.fitting.arguments import check_trainable, net, parameters, trainable

if TYPE_CHECKING:
    from dargs import Argument


def fields() -> list[Argument]:
    """The keys of its section."""
    return [
        *(each for each in parameters() if each.name != "default_fparam"),
        *net(neuron=[128, 128, 128]),
        trainable(),
    ]


def check(section: dict[str, Any], where: str, type_map: list[str]) -> None:
    """Checks the values against each other."""
    check_trainable(section, where)


ROW = Row(
    name="population",
    cls="deepmd_dp.fitting.population:PopulationFitting",
    doc="Electrons of spin alpha and beta at each atom.",
    fields=fields,
    check=check,
)
