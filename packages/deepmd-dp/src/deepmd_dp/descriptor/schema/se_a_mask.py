# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `se_a_mask`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.registry import Row
from deepmd.schema.argument import key, must
from deepmd.schema.semantics import check_pairs
from deepmd_dp.descriptor.arguments import (
    axis_neuron,
    check_axis,
    check_sel_by_type,
    embedding_net,
    exclude_types,
    type_one_side,
)

if TYPE_CHECKING:
    from dargs import Argument


def fields() -> list[Argument]:
    """The keys of its section."""
    are_numbers = must(lambda sel: len(sel) > 0 and min(sel) >= 0 and sum(sel) > 0, "numbers, one of them above 0")
    return [
        key("sel", list[int], "Atoms of each type, masked ones included; their sum divides.", **are_numbers),
        *embedding_net(),
        axis_neuron(),
        type_one_side(),
        exclude_types(),
    ]


def check(section: dict[str, Any], where: str, type_map: list[str]) -> None:
    """Checks the values against each other."""
    check_pairs(section["exclude_types"], f"{where}/exclude_types", type_map)
    check_sel_by_type(section, where, type_map)
    check_axis(section, where)


ROW = Row(
    name="se_a_mask",
    cls="deepmd_dp.descriptor.se_a_mask:SeAMask",
    doc="`se_e2_a` of all atoms that `aparam` keeps, by the fitting's `use_aparam_as_mask`, without a cut-off.",
    fields=fields,
    check=check,
)
