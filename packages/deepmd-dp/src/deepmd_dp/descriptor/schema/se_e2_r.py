# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `se_e2_r`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.registry import Row
from deepmd_dp.descriptor.arguments import (
    check_environment,
    embedding_net,
    environment,
    sel_by_type,
    sel_of_each_type,
    set_davg_zero,
    type_one_side,
)

if TYPE_CHECKING:
    from dargs import Argument


def fields() -> list[Argument]:
    """The keys of its section."""
    return [sel_by_type(), *environment(), *embedding_net(), type_one_side(), set_davg_zero(False)]


ROW = Row(
    name="se_e2_r",
    aliases=("se_r",),
    cls="deepmd_dp.descriptor.se_e2_r:SeE2R",
    doc="Embedded distances, without angles: cheaper and less exact than se_e2_a.",
    fields=fields,
    check=check_environment,
    sel_keys=sel_of_each_type,
)
