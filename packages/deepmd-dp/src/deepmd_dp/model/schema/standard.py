# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `standard`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
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


def check(section: dict[str, Any], where: str, type_map: list[str]) -> None:
    """Raises InputError where a table for near atoms, `use_srtab`, lacks a setting, or has one that can't be."""
    del type_map
    if section.get("use_srtab") is None:
        return
    for name in ("sw_rmin", "sw_rmax"):
        if section.get(name) is None:
            raise InputError(f"{where}/{name} is missing; `use_srtab` needs it, a distance in Å such as 0.8.")
    low, high = section["sw_rmin"], section["sw_rmax"]
    if not 0 <= low < high:
        raise InputError(f"{where}/sw_rmin is {low:g} and sw_rmax {high:g} Å; expected 0 <= sw_rmin < sw_rmax.")
    kind = section["fitting_net"].get("type", "ener")
    if kind != "ener":
        raise InputError(f"{where}/fitting_net/type is {kind!r}; with `use_srtab` only energies (`ener`) are fitted.")


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
    check=check,
    upgrade=upgrade,
    parts={"descriptor": DESCRIPTOR, "fitting_net": FITTING},
    is_default=True,
)
