# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `linear_ener`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd.registry import MODEL, Row
from deepmd.schema.argument import key, must
from deepmd.schema.choices import choices
from deepmd.schema.model import common_fields
from deepmd_dp.model.schema.near_atoms import refuse_table

if TYPE_CHECKING:
    from dargs import Argument

NAMED_WEIGHTS = ("mean", "sum")
OF_THE_WHOLE = ("pair_exclude_types", "atom_exclude_types", "preset_out_bias")
"""Keys of all kinds of models that do not stand in one of several."""


def fields() -> list[Argument]:
    """The keys of its section."""
    models = key(
        "models",
        list,
        "The potentials: sections like this one; `type_map` needs to be given once, here or in the first.",
        sub_fields=common_fields(inside=True),
        sub_variants=choices(MODEL, "Kind of the model.", inside=True),
        repeat=True,
        fold_subdoc=True,
        **must(lambda models: len(models) > 0, "a list of models"),
    )
    weights = key(
        "weights",
        [list[float], str],
        "What each potential's energy counts: a number for each, `sum` (1) or `mean` (one over their number).",
        **must(
            lambda given: not isinstance(given, str) or given in NAMED_WEIGHTS, "`mean`, `sum` or a list of numbers"
        ),
    )
    return [models, weights, key("info", dict, "Notes that are kept with the model.", default={})]


def upgrade(section: dict[str, Any]) -> None:
    """deepmd-kit's TensorFlow takes the types from the first of the models."""
    models = section.get("models")
    parts = [each for each in models if isinstance(each, dict)] if isinstance(models, list) else []
    if "type_map" not in section:
        found = [each["type_map"] for each in parts if "type_map" in each]
        if found:
            section["type_map"] = found[0]


def check(section: dict[str, Any], where: str, type_map: list[str]) -> None:
    """Raises InputError where weights or types don't fit, or a part has what only the whole has."""
    refuse_table(section, where, type_map)
    weights, models = section["weights"], section["models"]
    if not isinstance(weights, str) and len(weights) != len(models):
        raise InputError(
            f"{where}/weights is a list of {len(weights)}; expected {len(models)} numbers, one for each of models."
        )
    for number, model in enumerate(models):
        at = f"{where}/models/{number}"
        lacking = [name for name in type_map if name not in model.get("type_map", type_map)]
        if lacking:
            raise InputError(
                f"{at}/type_map lacks {', '.join(lacking)}; expected all of {where}/type_map, {', '.join(type_map)}, "
                "in any order, and more if the part has them; leave it out where it has those of the whole."
            )
        if not model.get("srtab_add_bias", True):
            raise InputError(f"{at}/srtab_add_bias is false, but the energies of the types are those of {where}.")
        for name in OF_THE_WHOLE:
            if model.get(name):
                raise InputError(f"{at}/{name} is given; all of models have one in common: give it in {where}/{name}.")


ROW = Row(
    name="linear_ener",
    file_names=("linear",),
    cls="deepmd_dp.model.linear_ener:LinearEnergyModel",
    doc="Several potentials, their energies added with weights.",
    fields=fields,
    parts={"models": MODEL},
    upgrade=upgrade,
    check=check,
    biased_outputs=lambda section: ("energy",),
)
