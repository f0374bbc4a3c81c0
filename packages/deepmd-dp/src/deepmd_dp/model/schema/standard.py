# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `standard`."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd.files.plain import describe
from deepmd.registry import DESCRIPTOR, FITTING, Row, walk
from deepmd.registry.installed import lookup
from deepmd.schema.argument import key, not_yet, unused
from deepmd.schema.choices import choices
from deepmd_dp.model.schema.near_atoms import check_table

if TYPE_CHECKING:
    from dargs import Argument

log = logging.getLogger(__name__)

PROTECTION = 0.01
"""``env_protection`` of models of spins in the place of 0 [Å]: where a spin is short its virtual atom stands on the
atom. deepmd-kit takes it where 0 is written, too."""


def fields() -> list[Argument]:
    """The keys of its section."""
    descriptors = choices(DESCRIPTOR, "Kind of the descriptor.")
    fittings = choices(FITTING, "What is fitted.")
    return [
        key("descriptor", dict, "What an atom sees of its neighbors.", sub_variants=descriptors),
        key("fitting_net", dict, "From the descriptor to the atomic energy or dipole.", sub_variants=fittings),
        unused("model_branch_alias", list, default=[]),
        key("info", dict, "Notes that are kept with the model.", default={}),
        spin(),
        not_yet("bridging_method", str, default="None"),
        unused("bridging_r_inner", float, default=0.5),
        unused("bridging_r_outer", float, default=0.8),
    ]


def check(section: dict[str, Any], where: str, type_map: list[str]) -> None:
    """Raises InputError where what is said of spins or of a table for near atoms can't be."""
    check_spin(section, where, type_map)
    check_table(section, where)


def upgrade(section: dict[str, Any]) -> None:
    """Says in one way what inputs may say in several: of the embedding of the types and of spins."""
    _hand_on_embedding(section)
    _settle_spins(section)


def _hand_on_embedding(section: dict[str, Any]) -> None:
    """Hands the embedding of the types to the descriptors; InputError: one takes none.

    deepmd-kit's TensorFlow backend has one embedding for the parts of a hybrid; here each has its own.
    """
    given = section.get("type_embedding")
    if given is None or not isinstance(section.get("descriptor"), dict):
        return
    check_embedding(section, given)
    for part in _descriptors(section):
        if isinstance(part, dict):
            part.update(_as_taken(part, given))
    del section["type_embedding"]


def check_embedding(section: dict[str, Any], given: Any) -> None:
    """Raises InputError where a descriptor of a model's section takes no such embedding of the types, or it is none."""
    if not isinstance(given, dict):
        raise InputError(f"model/type_embedding is {describe(given)}; expected a mapping.")
    for part in _descriptors(section):
        row = lookup(DESCRIPTOR, part.get("type")) if isinstance(part, dict) else None
        if row is None or _as_taken(part, given):
            continue
        if "tebd_dim" in _keys(row):
            raise InputError(
                f"model/type_embedding: the descriptor `{row.name}` has a linear embedding of one layer; leave "
                "type_embedding out, and give the width as tebd_dim in the descriptor."
            )
        raise InputError(
            f"model/type_embedding: the descriptor `{row.name}` takes none; leave type_embedding out, or take a "
            "descriptor such as `se_e2_a`, which does."
        )


def _descriptors(section: dict[str, Any]) -> list[Any]:
    """The descriptor, or those of a hybrid one."""
    descriptor = section.get("descriptor")
    if not isinstance(descriptor, dict):
        return []
    is_hybrid = descriptor.get("type") == "hybrid"
    return list(descriptor.get("list", [])) if is_hybrid else [descriptor]


def _as_taken(part: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The keys by which a descriptor takes an embedding of the types: the width of a linear one, or itself; else {}."""
    row = lookup(DESCRIPTOR, part.get("type")) if isinstance(part, dict) else None
    names = _keys(row)
    widths, function = given.get("neuron"), given.get("activation_function", "tanh")
    is_linear = str(function).lower() in ("linear", "none")
    if "tebd_dim" in names and is_linear and isinstance(widths, list) and len(widths) == 1:
        return {"tebd_dim": widths[0]}
    return {"type_embedding": dict(given)} if "type_embedding" in names else {}


def _settle_spins(section: dict[str, Any]) -> None:
    """Writes a flag for each type, and what is added to distances, into the section of a model of spins.

    What is wrong in it stays for `check_spin`.
    """
    spin, names, descriptor = (section.get(name) for name in ("spin", "type_map", "descriptor"))
    if not (isinstance(spin, dict) and isinstance(names, list) and isinstance(descriptor, dict)):
        return
    from deepmd_dp.model.spin import read_flags

    given = spin.get("use_spin")
    if isinstance(given, list) and {type(each) for each in given} in ({bool}, {int}, {str}):
        with suppress(InputError, TypeError):
            spin["use_spin"] = list(read_flags(given, "use_spin", names))
    for part in walk(DESCRIPTOR, descriptor, "model/descriptor"):
        written = part.section.get("env_protection", 0.0)
        if "env_protection" not in _keys(part.row) or written != 0.0:
            continue
        if "env_protection" in part.section:
            log.warning("%s/env_protection is 0: with spins it is %g Å, as in deepmd-kit.", part.where, PROTECTION)
        part.section["env_protection"] = PROTECTION


def _keys(row: Row | None) -> set[str]:
    return {field.name for field in row.fields()} if row is not None else set()


def spin() -> Argument:
    """The section ``spin``."""
    of_types = "one for each name in type_map, or for each type with spin"
    fields = [
        key(
            "use_spin",
            [list[bool], list[int], list[str]],
            "Which types have spins: true or false for each, or their names in type_map, or their numbers.",
        ),
        key(
            "virtual_scale",
            [float, list[float]],
            f"Distance of the virtual atom by the spin [Å/μB]: one number for all types, or {of_types}.",
            optional=True,
        ),
        key("virtual_len", list[float], f"Older form: distance of the virtual atom [Å], {of_types}.", optional=True),
        key("spin_norm", list[float], f"Older form: the spin [μB] at this distance, {of_types}.", optional=True),
        not_yet("scheme", str, default="deepspin"),
        not_yet("allow_missing_label", bool, default=False),
    ]
    return key("spin", dict, "Atoms have spins, and magnetic forces.", optional=True, sub_fields=fields)


def check_spin(section: dict[str, Any], where: str, type_map: list[str]) -> None:
    """Raises InputError where what is said of spins can't be."""
    if section.get("spin") is None:
        return
    from deepmd_dp.model.spin import read_spin

    if where != "model" or section.get("use_srtab") is not None:
        raise InputError(f"{where}/spin: models of spins are of one net, not of several models or with `use_srtab`.")
    if section["descriptor"].get("type") == "se_a_mask":
        raise InputError(f"{where}/spin: `se_a_mask` takes no spins; take another descriptor.")
    if (fitted := section["fitting_net"]["type"]) != "ener":
        raise InputError(f"{where}/spin: models of spins give an energy; fitting_net/type is {fitted!r}, take 'ener'.")
    read_spin(section["spin"], f"{where}/spin", type_map)


def spin_scales(section: dict[str, Any]) -> dict[str, float]:
    """`Row.spin_scales`."""
    if section.get("spin") is None:
        return {}
    from deepmd_dp.model.spin import read_spin

    return read_spin(section["spin"], "model/spin", section["type_map"]).scale_by_name(section["type_map"])


ROW = Row(
    name="standard",
    cls="deepmd_dp.model.standard:StandardModel",
    doc="A descriptor and a fitting net.",
    fields=fields,
    file_names=("spin_ener",),
    check=check,
    upgrade=upgrade,
    spin_scales=spin_scales,
    parts={"descriptor": DESCRIPTOR, "fitting_net": FITTING},
    is_default=True,
)
