# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `pairwise_dprc`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd.registry import MODEL, Row
from deepmd.schema.argument import key
from deepmd.schema.choices import choices
from deepmd.schema.model import common_fields
from deepmd_dp.model.schema.near_atoms import refuse_table
from deepmd_dp.model.schema.standard import check_embedding

if TYPE_CHECKING:
    from dargs import Argument

PARTS = {
    "qm_model": "The potential of the QM atoms by themselves, a section like this one.",
    "qmmm_model": "That of the QM atoms and one residue of MM atoms, which is added for each residue.",
}


def fields() -> list[Argument]:
    """The keys of its section."""
    return [
        *(
            key(
                name,
                dict,
                doc,
                sub_fields=common_fields(inside=True),
                sub_variants=choices(MODEL, "Kind of the model.", inside=True),
                fold_subdoc=True,
            )
            for name, doc in PARTS.items()
        ),
        key("info", dict, "Notes that are kept with the model.", default={}),
    ]


def upgrade(section: dict[str, Any]) -> None:
    """deepmd-kit has one embedding of the types for both models; here each has its own, made alike."""
    given, parts = section.get("type_embedding"), [section.get(name) for name in PARTS]
    if given is None or not all(isinstance(part, dict) and "type_embedding" not in part for part in parts):
        return
    for part in parts:
        check_embedding(part, given)  # type: ignore[arg-type]
        part["type_embedding"] = given  # type: ignore[index]
    del section["type_embedding"]


def check(section: dict[str, Any], where: str, type_map: list[str]) -> None:
    """Raises InputError for what stands in the wrong place."""
    refuse_table(section, where, type_map)
    for at, part in ((where, section), *((f"{where}/{name}", section[name]) for name in PARTS)):
        if part.get("preset_out_bias"):
            raise InputError(f"{at}/preset_out_bias: give `atom_ener` in the fitting_net of qm_model and qmmm_model.")


ROW = Row(
    name="pairwise_dprc",
    cls="deepmd_dp.model.pairwise_dprc:PairwiseDPRcModel",
    doc="Corrections of QM/MM: one net for the QM atoms, one for them and each residue of MM atoms in turn.",
    fields=fields,
    parts=dict.fromkeys(PARTS, MODEL),
    sees_groups=True,
    upgrade=upgrade,
    check=check,
)
