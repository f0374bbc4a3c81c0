# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `se_e3`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.registry import Row
from deepmd_dp.descriptor.arguments import (
    check_list,
    embedding_net,
    environment,
    sel_by_type,
    sel_of_each_type,
    set_davg_zero,
)

if TYPE_CHECKING:
    from dargs import Argument


def fields() -> list[Argument]:
    """The keys of its section."""
    return [sel_by_type(), *environment(), *embedding_net(), set_davg_zero(False)]


ROW = Row(
    name="se_e3",
    aliases=("se_at", "se_a_3be", "se_t"),
    cls="deepmd_dp.descriptor.se_e3:SeE3",
    doc="Embedded angles between the neighbors of an atom; one net per pair of their types.",
    fields=fields,
    check=check_list,
    sel_keys=sel_of_each_type,
)
