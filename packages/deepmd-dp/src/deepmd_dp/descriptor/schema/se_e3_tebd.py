# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `se_e3_tebd`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.registry import Row
from deepmd.schema.argument import key
from deepmd_dp.descriptor.arguments import (
    check_list,
    embedding_net,
    environment,
    sel_in_all,
    sel_of_all_types,
    set_davg_zero,
    tebd_input_mode,
    type_embedding,
)

if TYPE_CHECKING:
    from dargs import Argument


def fields() -> list[Argument]:
    """The keys of its section."""
    return [
        sel_in_all(),
        *environment(),
        *embedding_net(),
        *type_embedding(bias=True),
        tebd_input_mode(),
        key("smooth", bool, "Whether the types' net vanishes smoothly at the cut-off (strip).", default=True),
        set_davg_zero(True),
    ]


ROW = Row(
    name="se_e3_tebd",
    cls="deepmd_dp.descriptor.se_e3_tebd:SeE3Tebd",
    doc="Embedded angles between the neighbors of an atom and embedded types; one net for all types.",
    fields=fields,
    check=check_list,
    sel_keys=sel_of_all_types,
)
