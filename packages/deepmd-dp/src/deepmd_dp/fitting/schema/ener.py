# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `ener`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd.registry import Row
from deepmd.schema.argument import key, not_yet
from deepmd.schema.semantics import check_one_per_type
from deepmd_dp.fitting.arguments import (
    check_net,
    net,
    parameters,
    rcond,
    trainable,
)

if TYPE_CHECKING:
    from dargs import Argument


def fields() -> list[Argument]:
    """The keys of its section."""
    return [
        *parameters(),
        *net(),
        trainable(),
        rcond("energy"),
        key("atom_ener", list, "Energy of each type's isolated atom [eV]; null: fitted to the data.", default=[]),
        not_yet("layer_name", list),
        key(
            "use_aparam_as_mask",
            bool,
            "Whether `aparam` says which atoms are there (1) and which only fill up (0); for `se_a_mask`.",
            default=False,
        ),
    ]


def check(section: dict[str, Any], where: str, type_map: list[str]) -> None:
    """Checks the values against each other."""
    check_net(section, where, type_map)
    if section["use_aparam_as_mask"] and section["numb_aparam"] != 1:
        given = section["numb_aparam"]
        raise InputError(f"{where}/numb_aparam is {given}; expected 1, the mask, beside use_aparam_as_mask.")
    if section["atom_ener"]:
        check_one_per_type(section["atom_ener"], f"{where}/atom_ener", type_map, "energies")


ROW = Row(
    name="ener",
    cls="deepmd_dp.fitting.ener:EnerFitting",
    doc="Energy as the sum of atomic energies.",
    fields=fields,
    check=check,
    biased_outputs=lambda section: ("energy",),
    is_default=True,
)
