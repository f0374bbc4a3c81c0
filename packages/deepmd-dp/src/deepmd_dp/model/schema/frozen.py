# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `frozen`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.registry import Row
from deepmd.schema.argument import key
from deepmd_dp.model.schema.near_atoms import refuse_table

if TYPE_CHECKING:
    from dargs import Argument


def fields() -> list[Argument]:
    """The keys of its section."""
    return [
        key("model_file", str, "Model file or checkpoint, of any backend; nothing of it is trained."),
        key("info", dict, "Notes that are kept with the model.", default={}),
    ]


ROW = Row(
    name="frozen",
    cls="deepmd_dp.model.frozen:FrozenModel",
    doc="The model of a file, as it is.",
    fields=fields,
    check=refuse_table,
)
