# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `se_e2_a`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.registry import Row
from deepmd_dp.descriptor.arguments import (
    axis_neuron,
    check_moments,
    embedding_net,
    embedding_of_types,
    environment,
    sel_by_type,
    sel_of_each_type,
    set_davg_zero,
    type_one_side,
)

if TYPE_CHECKING:
    from dargs import Argument


def shared_fields() -> list[Argument]:
    """The keys that its forms share."""
    return [
        sel_by_type(),
        *environment(),
        *embedding_net(),
        axis_neuron(),
        type_one_side(),
        set_davg_zero(False),
    ]


def fields() -> list[Argument]:
    """The keys of its section."""
    return [*shared_fields(), embedding_of_types(optional=True)]


def upgrade(section: dict[str, Any]) -> None:
    """With embedded types it is another one."""
    if "type_embedding" in section:
        section["type"] = "se_e2_a_tebd"


ROW = Row(
    name="se_e2_a",
    aliases=("se_a",),
    is_of_version0=True,
    cls="deepmd_dp.descriptor.se_e2_a:SeE2A",
    doc="Embedded distances and angles of two atoms (DeepPot-SE); one net per type or pair of types.",
    fields=fields,
    upgrade=upgrade,
    check=check_moments,
    sel_keys=sel_of_each_type,
)
