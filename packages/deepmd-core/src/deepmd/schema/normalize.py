# SPDX-License-Identifier: LGPL-3.0-or-later
"""From an input as written to one with all defaults, or a message that says what to mend."""

from __future__ import annotations

import logging
import math
from copy import deepcopy
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from dargs import Argument, Variant
from dargs.dargs import isinstance_annotation

from deepmd.errors import InputError
from deepmd.files.plain import describe
from deepmd.files.reading import reading
from deepmd.registry import LOSS, MODEL
from deepmd.registry.installed import nothing_installed, usable_names
from deepmd.schema.argument import MULTI_TASK, NotYet, Unused, acts, not_yet
from deepmd.schema.learning_rate import learning_rate
from deepmd.schema.load import load_input
from deepmd.schema.loss import loss
from deepmd.schema.model import model
from deepmd.schema.optimizer import optimizer
from deepmd.schema.semantics import check_meaning
from deepmd.schema.training import training, validating
from deepmd.schema.type_map import check_type_map
from deepmd.schema.upgrade import upgrade, version_of

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

TYPE_NAMES: dict[Any, str] = {
    int: "an integer",
    float: "a number",
    str: "a string",
    bool: "true or false",
    list: "a list",
    dict: "a mapping",
    type(None): "null",
    list[int]: "a list of integers",
    list[float]: "a list of numbers",
    list[str]: "a list of strings",
    list[bool]: "a list of true or false",
    list[list[int]]: "a list of lists of integers",
}


@cache
def schema() -> Argument:
    """The whole input as a tree of arguments."""
    sections = [model(), learning_rate(), optimizer(), loss(), training(), validating()]
    multi_task = [not_yet(name, doc=MULTI_TASK) for name in ("loss_dict", "learning_rate_dict")]
    return Argument("input", dict, [*sections, *multi_task, not_yet("nvnmd")], doc="Input of a training.")


class InputFile(NamedTuple):
    """An input as it was written and as it is understood."""

    modern: dict[str, Any]
    """In today's form, see `modernize`."""
    config: dict[str, Any]
    """With all defaults, see `normalize`."""
    is_old: bool
    """Whether it was written in an older form."""


def read_input(path: str | Path) -> InputFile:
    """What an input file asks for; errors name the file.

    Raises
    ------
    InputError
        See `load_input`, `modernize` and `normalize`.
    """
    with reading(path, InputError):
        written = load_input(path)
        modern = modernize(written)
        return InputFile(modern, normalize(modern), version_of(written) < 2)


def normalize(config: dict[str, Any]) -> dict[str, Any]:
    """The input with aliases resolved, comments dropped and all defaults filled in.

    Parameters
    ----------
    config : dict
        What the input file holds; it is left unchanged.

    Raises
    ------
    InputError
        For an unknown key (the nearest known one is named), a key or a type that deepmd-kit has and this version
        has not, a missing key, a wrong value, and values that contradict each other; and where no package that
        brings models is installed.
    """
    for group in (MODEL, LOSS):
        if not usable_names(group):
            raise InputError(nothing_installed(group))
    config = modernize(config)
    # dargs fills defaults only into what is there
    for section in ("loss", "optimizer"):
        config.setdefault(section, {})
    tree = schema()
    tree.traverse_value(config, value_hook=_check_support, sub_hook=_check_keys)
    config = tree.normalize_value(config, inplace=True)
    check_type_map(config)
    tree.traverse_value(config, key_hook=_check_presence, value_hook=_check_value)
    check_meaning(config)
    return config


def modernize(config: dict[str, Any]) -> dict[str, Any]:
    """The input in today's form, without its comments, nothing filled in that old forms don't leave to a default.

    Raises
    ------
    InputError
        A section is no mapping, or a setting is given in two places.
    """
    _check_sections(config)
    return upgrade(_without_comments(deepcopy(config)))


def _check_sections(config: Any) -> None:
    if not isinstance(config, dict):
        raise InputError(f"the input is {describe(config)}; expected a mapping of sections such as `model`.")
    fields = schema().sub_fields
    for name in fields.keys() & config.keys():
        # what is not in this version explains the sections that are missing beside it
        _check_is_there(fields[name], config[name], [])
        if not isinstance(config[name], dict):
            raise InputError(f"{name} is {describe(config[name])}; expected a mapping.")


def _without_comments(value: Any) -> Any:
    """The value without the keys that begin with an underscore, such as ``_comment``."""
    if isinstance(value, dict):
        return {key: _without_comments(part) for key, part in value.items() if not str(key).startswith("_")}
    if isinstance(value, list):
        return [_without_comments(part) for part in value]
    return value


def _join(path: list[str], name: str) -> str:
    return "/".join([*path, name])


def _check_is_there(argument: Argument, value: Any, path: list[str]) -> None:
    if isinstance(argument, NotYet) and value != argument.default:
        raise InputError(f"{_join(path, argument.name)}: {argument.doc}.")


def _check_support(argument: Argument, value: Any, path: list[str]) -> None:
    _check_is_there(argument, value, path)
    if argument.repeat:
        _check_items(value, [*path, argument.name])
    if isinstance(argument, Unused) and argument.doc and value and value != argument.default:
        log.warning("%s has no effect: %s.", _join(path, argument.name), argument.doc)


def _check_items(items: Any, path: list[str]) -> None:
    """Checks that a list of sections is one."""
    if isinstance(items, dict):
        raise InputError(f"{'/'.join(path)} is {describe(items)}; expected a list of mappings.")
    for number, item in enumerate(items if isinstance(items, list) else ()):
        if not isinstance(item, dict):
            raise InputError(f"{_join(path, str(number))} is {describe(item)}; expected a mapping.")


def _check_keys(argument: Argument, section: dict[str, Any], path: list[str]) -> None:
    """Checks a section's types, then its keys against those that the types allow."""
    for variant in argument.sub_variants.values():
        _check_choice(variant, section, path)
    fields = argument.flatten_sub(section, path).values()
    allowed = {name: field for field in fields for name in (field.name, *field.alias)}
    # what is not in this version explains the keys that come with it
    for name in section.keys() & allowed.keys():
        _check_is_there(allowed[name], section[name], path)
    for name in section if allowed else ():
        if name not in allowed:
            raise InputError(f"{_join(path, name)}: there is no such key; {_advice(name, allowed, path)}.")
        if name != allowed[name].name and allowed[name].name in section:
            raise InputError(f"{_join(path, name)} and {allowed[name].name} mean the same; give one of them.")


def _check_choice(variant: Variant, section: dict[str, Any], path: list[str]) -> None:
    if variant.flag_name not in section and variant.optional:
        return
    where, tag = _join(path, variant.flag_name), section.get(variant.flag_name)
    supported = ", ".join(name for name, choice in variant.choice_dict.items() if not isinstance(choice, NotYet))
    if tag is None:
        raise InputError(f"{where} is missing; give one of {supported}.")
    choice = variant.choice_dict.get(variant.choice_alias.get(str(tag), str(tag)))
    if choice is None:
        near = get_close_matches(str(tag).lower(), [*variant.choice_dict, *variant.choice_alias], n=1, cutoff=0.7)
        hint = f" (perhaps {near[0]!r} is meant)" if near else ""
        raise InputError(f"{where} is {describe(tag)}{hint}; expected one of {supported}.")
    if isinstance(choice, NotYet):
        raise InputError(f"{where} is {describe(tag)}: {choice.doc}; expected one of {supported}.")


def _advice(name: str, allowed: dict[str, Argument], path: list[str]) -> str:
    """What may have been meant by an unknown key: one like it here, or the same in another section."""
    near = get_close_matches(name, allowed, n=1)
    if near:
        return f"perhaps `{near[0]}` is meant"
    places = [place for place in _places().get(name, ()) if place != "/".join(path)]
    if places:
        return f"it belongs in {' or '.join(places)}"
    return f"known here are {', '.join(sorted({field.name for field in allowed.values() if acts(field)}))}"


@cache
def _places() -> dict[str, list[str]]:
    """The sections where each key of the schema may stand."""
    places: dict[str, list[str]] = {}

    def visit(argument: Argument, path: list[str]) -> None:
        # models in models have the keys that stand in `model` itself
        if argument.repeat or argument.fold_subdoc:
            return
        choices = [choice for variant in argument.sub_variants.values() for choice in variant.choice_dict.values()]
        for field in argument.sub_fields.values():
            for name in (field.name, *field.alias):
                sections = places.setdefault(name, [])
                if path and "/".join(path) not in sections:
                    sections.append("/".join(path))
            visit(field, [*path, field.name])
        for choice in choices:
            visit(choice, path)

    visit(schema(), [])
    return places


def _check_presence(argument: Argument, section: dict[str, Any], path: list[str]) -> None:
    if argument.name not in section and not argument.optional:
        meaning = f" ({argument.doc.rstrip('.')})" if argument.doc else ""
        raise InputError(f"{_join(path, argument.name)} is missing{meaning}; it must be given.")


def _check_value(argument: Argument, value: Any, path: list[str]) -> None:
    where = f"{_join(path, argument.name)} is {describe(value)}"
    is_flag_for_number = isinstance(value, bool) and bool not in argument.dtype
    if is_flag_for_number or not any(isinstance_annotation(value, dtype) for dtype in argument.dtype):
        raise InputError(f"{where}; expected {_expected_types(argument)}.{_hint(value, argument)}")
    if not _is_finite(value):
        raise InputError(f"{where}; expected finite numbers.")
    if argument.extra_check is not None and not argument.extra_check(value):
        raise InputError(f"{where}; expected {argument.extra_check_errmsg}.")


def _expected_types(argument: Argument) -> str:
    return " or ".join(sorted(TYPE_NAMES[dtype] for dtype in argument.dtype))


def _hint(value: Any, argument: Argument) -> str:
    """What to do where a number is given as a text (YAML reads `1e-3` as one, `1.0e-3` as a number), as 1e3, or in the
    place of a list."""
    if type(value) is int and list[int] in argument.dtype:
        return f" Write [{value}]."
    if isinstance(value, float) and value.is_integer() and int in argument.dtype:
        return f" Write {int(value)}."
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return ""
    if not math.isfinite(number):
        return ""
    is_whole = float not in argument.dtype and number.is_integer()
    return f" It is a text: write {int(number) if is_whole else number}."


def _is_finite(value: Any) -> bool:
    """Whether all numbers in a value are finite; JSON's reader takes `NaN`, YAML's `.inf`."""
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)
