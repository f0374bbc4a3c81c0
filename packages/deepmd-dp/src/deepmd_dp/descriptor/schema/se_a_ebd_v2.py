# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `se_a_ebd_v2`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from deepmd.registry import Row
from deepmd_dp.descriptor.arguments import check_moments, sel_of_each_type
from deepmd_dp.descriptor.schema.se_e2_a_tebd import fields

if TYPE_CHECKING:
    Section = dict[str, Any]
    """A part of the input."""

log = logging.getLogger(__name__)


def upgrade(section: Section) -> None:
    """Without the model's `type_embedding` it has one with all defaults."""
    section.setdefault("type_embedding", {})


def check(section: Section, where: str, type_map: list[str]) -> None:
    """Checks the values against each other; says that the energy jumps."""
    check_moments(section, where, type_map)
    if not section["set_davg_zero"]:
        log.warning(
            "%s/set_davg_zero is false: the energy jumps where atoms cross the cut-off, in deepmd-kit too, since empty "
            "places in a list have no type; give true.",
            where,
        )


ROW = Row(
    name="se_a_ebd_v2",
    aliases=("se_a_tpe_v2",),
    cls="deepmd_dp.descriptor.se_e2_a_tebd:SeE2ATebd",
    doc="`se_e2_a` with embedded types, whose net multiplies that of the distance.",
    fields=fields,
    upgrade=upgrade,
    check=check,
    sel_keys=sel_of_each_type,
)
