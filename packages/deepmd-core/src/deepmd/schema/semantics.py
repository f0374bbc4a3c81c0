# SPDX-License-Identifier: LGPL-3.0-or-later
"""What no single value of the input can tell: whether the values agree with each other.

The rows of the registry check their own sections, with the helpers that are here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd.registry import LOSS, MODEL, walk

if TYPE_CHECKING:
    from deepmd.registry import Part


def check_meaning(config: dict[str, Any]) -> None:
    """Checks a normalised input.

    Raises
    ------
    InputError
        Where two values contradict each other.
    """
    section = config["model"]
    names = section["type_map"]
    parts = [*walk(MODEL, section, "model"), *walk(LOSS, config["loss"], "loss")]
    for part in parts:
        own_names = names if part.type_map is None else part.type_map
        if part.row.check is not None:
            part.row.check(part.section, part.where, own_names)
        _check_sel(part, own_names)
    check_pairs(section["pair_exclude_types"], "model/pair_exclude_types", names)
    check_types(section["atom_exclude_types"], "model/atom_exclude_types", names)
    check_steps(config["training"])
    outputs = [name for part in parts for name in part.row.biased_outputs(part.section)]
    _check_preset(section["preset_out_bias"] or {}, outputs, len(names))


def check_steps(training: dict[str, Any]) -> None:
    """Raises InputError unless the steps are given in one of the two ways."""
    given = [key for key in ("numb_steps", "numb_epoch") if training.get(key) is not None]
    if len(given) != 1:
        raise InputError(
            f"training has {'both' if given else 'neither'} of numb_steps and numb_epoch; give one of them."
        )


def check_types(types: list[int], where: str, type_map: list[str]) -> None:
    """Checks a list of types; raises InputError for one that is not there."""
    for index in types:
        if not 0 <= index < len(type_map):
            raise InputError(f"{where}: there is no type {index}; type_map has the types 0 to {len(type_map) - 1}.")


def check_pairs(pairs: list[list[int]], where: str, type_map: list[str]) -> None:
    """Checks a list of pairs of types; raises InputError for what is none."""
    for pair in pairs:
        if len(pair) != 2:
            raise InputError(f"{where}: {pair} is no pair of types; expected two numbers.")
        check_types(pair, where, type_map)


def check_one_per_type(values: list[Any], where: str, type_map: list[str], of: str = "numbers") -> None:
    """Raises InputError where a list does not have a value for each type."""
    if len(values) != len(type_map):
        wanted = f"{len(type_map)} {of if len(type_map) > 1 else of.removesuffix('s')}"
        raise InputError(f"{where} is a list of {len(values)}; expected {wanted}, one for each name in type_map.")


def _check_sel(part: Part, type_map: list[str]) -> None:
    """Checks that each list of neighbors has a number for each type, or one where all types are counted together."""
    for key in part.row.sel_keys(part.section):
        sel = part.value(key.path)
        if isinstance(sel, list) and (key.by_type or len(sel) != 1):
            check_one_per_type(sel, f"{part.where}/{key.path}", type_map)


def _check_preset(preset: dict[str, Any], outputs: list[str], ntypes: int) -> None:
    for name, values in preset.items():
        where = f"model/preset_out_bias/{name}"
        if name not in outputs:
            known = f"expected {' or '.join(f'`{output}`' for output in outputs)}" if outputs else "it has none"
            raise InputError(f"{where}: the model has no such output with a bias; {known}.")
        if not isinstance(values, list) or len(values) != ntypes:
            raise InputError(f"{where}: expected a list of {ntypes}, a number or null for each type.")
