# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `se_atten_v2`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.registry import Row
from deepmd_dp.descriptor.arguments import check_moments, sel_of_all_types, set_davg_zero
from deepmd_dp.descriptor.schema.se_atten import shared_fields

if TYPE_CHECKING:
    from dargs import Argument


def fields() -> list[Argument]:
    """The keys of its section."""
    return [*shared_fields(), set_davg_zero(False)]


ROW = Row(
    name="se_atten_v2",
    cls="deepmd_dp.descriptor.se_atten:SeAtten",
    doc="DPA-1 with `tebd_input_mode` strip and a smooth type embedding: recommended over se_atten.",
    fields=fields,
    check=check_moments,
    sel_keys=sel_of_all_types,
)
