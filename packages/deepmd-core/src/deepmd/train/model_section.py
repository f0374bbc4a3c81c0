# SPDX-License-Identifier: LGPL-3.0-or-later
"""The section ``model`` of a training that starts with a checkpoint's model: the model is there already."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from deepmd.contract.summary import type_map_of
from deepmd.errors import InputError
from deepmd.registry import MODEL, walk
from deepmd.registry.installed import lookup
from deepmd.schema.argument import acts, has_default
from deepmd.schema.model import common_fields
from deepmd.schema.upgrade import upgrade_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dargs import Argument

    from deepmd.aliases import Document, Section

OPTIONS = frozenset(
    "trainable seed data_stat_nbatch data_stat_protect data_bias_nsample preset_out_bias atom_ener rcond "
    "set_davg_zero info".split()
)
"""Keys that say how a model is trained, or how it was begun, and not what it is."""
FILES = frozenset("model_file tab_file use_srtab".split())
"""Keys that name files, which may lie elsewhere today: the trainer compares what is in them."""


def join_sections(given: Section, document: Document) -> Section:
    """The input's section, with what was settled when the checkpoint's model was made: `sel`, the types met.

    Parameters
    ----------
    given : dict
        The input's normalised section ``model``.
    document : dict
        The contract's document of the checkpoint's model.

    Raises
    ------
    InputError
        The input asks for another model; names the keys.
    """
    names, made_from = type_map_of(document["model"]), deepcopy(document.get("model_def_script") or {})
    if names and names != given["type_map"]:
        raise InputError(f"type_map of the input is {given['type_map']}, but the checkpoint's model has {names}.")
    upgrade_model(made_from)
    # of a key that makes another kind of model others follow, which nobody has written
    found = list(_missing(given, made_from) if made_from else ()) or list(_differences(given, made_from, "model"))
    differing = [f"{path} {mine!r} (there {theirs!r})" for path, mine, theirs in found]
    if differing:
        raise InputError(
            f"the input asks for another model than the checkpoint's: {', '.join(differing)}; take its values, or "
            "train a new model without the checkpoint."
        )
    section: Section = _settle(given, made_from)
    return section


def _differences(given: Any, settled: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Path and both values of what differs; a key that one of them lacks was not known to its version."""
    if isinstance(given, dict) and isinstance(settled, dict):
        for key in (key for key in given if key in settled and key not in OPTIONS | FILES):
            yield from _differences(given[key], settled[key], f"{path}/{key}")
    elif isinstance(given, list) and isinstance(settled, list) and len(given) == len(settled):
        for number, (one, other) in enumerate(zip(given, settled, strict=True)):
            yield from _differences(one, other, f"{path}/{number}")
    elif given != settled and not _is_auto(given):
        yield path, given, settled


def _missing(given: Section, settled: Section) -> Iterator[tuple[str, Any, Any]]:
    """As `_differences`, keys without a default that one of them has: where such a key is missing, that says much."""
    for part in walk(MODEL, given, "model"):
        other = _below(settled, part.where.split("/")[1:])
        if isinstance(other, dict):
            is_model = lookup(MODEL, part.section.get("type")) is part.row
            shared = [each for each in common_fields() if each.name != "type_map"] if is_model else []
            yield from _missing_keys([*part.row.fields(), *shared], part.section, other, part.where)
            mine, theirs = (each.get("type_map", given["type_map"]) for each in (part.section, other))
            if mine != theirs and not ("type_map" in part.section and "type_map" in other):
                yield f"{part.where}/type_map", mine, theirs


def _missing_keys(
    fields: Iterable[Argument], given: Section, settled: Section, path: str
) -> Iterator[tuple[str, Any, Any]]:
    for each in fields:
        mine, theirs, at = given.get(each.name), settled.get(each.name), f"{path}/{each.name}"
        if not acts(each) or each.name in OPTIONS or each.sub_variants:
            continue
        if isinstance(mine, dict) and isinstance(theirs, dict):
            yield from _missing_keys(each.sub_fields.values(), mine, theirs, at)
        elif not has_default(each) and (mine is None) != (theirs is None):
            yield at, mine, theirs


def _below(section: Any, path: list[str]) -> Any:
    """What stands at a path; None where nothing does."""
    for name in path:
        if isinstance(section, list):
            section = section[int(name)] if int(name) < len(section) else None
        else:
            section = section.get(name) if isinstance(section, dict) else None
    return section


def _is_auto(value: Any) -> bool:
    """Whether a value was settled by the data, as `sel` is."""
    return isinstance(value, str) and value.startswith("auto")


def _settle(given: Any, settled: Any) -> Any:
    """The input's section, with what was settled or recorded when the model was made."""
    if isinstance(given, dict) and isinstance(settled, dict):
        return settled | {key: _settle(value, settled.get(key)) for key, value in given.items()}
    if isinstance(given, list) and isinstance(settled, list) and len(given) == len(settled):
        return [_settle(one, other) for one, other in zip(given, settled, strict=True)]
    return settled if _is_auto(given) and settled is not None else given
