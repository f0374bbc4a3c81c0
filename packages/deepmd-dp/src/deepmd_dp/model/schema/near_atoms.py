# SPDX-License-Identifier: LGPL-3.0-or-later
"""Keys of all kinds of models that say of a table for near atoms."""

from __future__ import annotations

from typing import Any

from deepmd.errors import InputError

KEYS = ("smin_alpha", "sw_rmin", "sw_rmax")


def refuse_table(section: dict[str, Any], where: str, type_map: list[str]) -> None:
    """Raises InputError where a model that is none of one net has such a table."""
    del type_map
    for name in ("use_srtab", *KEYS):
        if section.get(name) is not None:
            raise InputError(f"{where}/{name} is given, but tables for near atoms are for models of type `standard`.")


def check_table(section: dict[str, Any], where: str) -> None:
    """Raises InputError where `use_srtab` lacks a setting or has a wrong one, or settings have no table."""
    if not section.get("use_srtab"):
        given = [name for name in ("use_srtab", *KEYS) if section.get(name) is not None]
        if given:
            raise InputError(f"{where}/{given[0]} is {section[given[0]]!r}, but `use_srtab` names no table; add it.")
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
