# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `standard`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.registry import DESCRIPTOR, FITTING, Row
from deepmd.registry.installed import lookup
from deepmd.schema.argument import key, not_yet, unused
from deepmd.schema.choices import choices

if TYPE_CHECKING:
    from dargs import Argument


def fields() -> list[Argument]:
    """The keys of its section."""
    descriptors = choices(DESCRIPTOR, "Kind of the descriptor.")
    fittings = choices(FITTING, "What is fitted.")
    return [
        key("descriptor", dict, "What an atom sees of its neighbors.", sub_variants=descriptors),
        key("fitting_net", dict, "From the descriptor to the atomic energy or dipole.", sub_variants=fittings),
        unused("model_branch_alias", list, default=[]),
        key("info", dict, "Notes that are kept with the model.", default={}),
        not_yet("bridging_method", str, default="None"),
        unused("bridging_r_inner", float, default=0.5),
        unused("bridging_r_outer", float, default=0.8),
    ]


def upgrade(section: dict[str, Any]) -> None:
    """Hands the embedding of the types to the descriptor where that takes one; else it is refused where it stands."""
    descriptor = section.get("descriptor")
    if "type_embedding" not in section or not isinstance(descriptor, dict):
        return
    row = lookup(DESCRIPTOR, descriptor.get("type"))
    if row is not None and any(field.name == "type_embedding" for field in row.fields()):
        descriptor["type_embedding"] = section.pop("type_embedding")


ROW = Row(
    name="standard",
    cls="deepmd_dp.model.standard:StandardModel",
    doc="A descriptor and a fitting net.",
    fields=fields,
    upgrade=upgrade,
    parts={"descriptor": DESCRIPTOR, "fitting_net": FITTING},
    is_default=True,
)
