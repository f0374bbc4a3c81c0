# SPDX-License-Identifier: LGPL-3.0-or-later
"""Settings of modules held against their annotations: what a file says of a model, checked where fields are declared.

A tree of the contract may hold anything where a module takes it as it is: a text for a number, ``"no"`` for false. The
annotation of each static field is its schema.
"""

from __future__ import annotations

import math
import sys
from dataclasses import fields
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from deepmd.errors import ModelFileError
from deepmd.files.plain import describe
from deepmd_dp.dialect.module import Module, modules

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd_dp.dialect.module import Node

    Predicate = Callable[[Any], bool]

LARGEST_INTEGER = 2**31
"""Settings are sizes and numbers of types, which C++ holds in 32 bits."""


def check_settings(tree: Node) -> None:
    """Raises ModelFileError unless each static field in a tree of modules is of the type that it is declared with.

    Numbers must be finite, and integers such as C++ takes.
    """
    for path, each in modules(tree, Module):
        for name, expected, is_right in _static_fields(type(each)):  # type: ignore[arg-type]  # see module.py
            value = getattr(each, name)
            if not is_right(value):
                where = f"{path}.{name}" if path else name
                raise ModelFileError(f"the model's {where} is {describe(value)}; expected {expected}: damaged.")


@cache
def _static_fields(kind: type[Module]) -> tuple[tuple[str, str, Predicate], ...]:
    """Name, what is expected and what holds for a value, of each static field of a class."""
    found = []
    for each in fields(kind):
        if "static" in each.metadata:
            names = vars(sys.modules[_declaring(kind, each.name).__module__])
            try:
                is_right, expected = _predicate(eval(str(each.type), dict(names))), str(each.type)
            except NameError:  # a stranger's, known to type checkers only
                continue
            bounds = each.metadata.get("bounds")
            if bounds:
                is_right, expected = _within(is_right, *bounds), f"{expected} from {bounds[0]:g} to {bounds[1]:g}"
            found.append((each.name, expected, is_right))
    return tuple(found)


def _within(is_right: Predicate, least: float, most: float) -> Predicate:
    def holds(value: Any) -> bool:
        return is_right(value) and all(
            least <= each <= most for each in (value if isinstance(value, tuple) else (value,))
        )

    return holds


def _declaring(kind: type[Module], name: str) -> type:
    return next(each for each in kind.__mro__ if name in vars(each).get("__annotations__", {}))


def _predicate(annotation: Any) -> Predicate:
    """What holds for values of a type."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation is Any:
        return lambda value: True
    if annotation is None or annotation is NoneType:
        return lambda value: value is None
    if annotation is float:
        return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if annotation is int:
        return lambda value: isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST_INTEGER
    if origin in (Union, UnionType):
        choices = [_predicate(each) for each in inner]
        return lambda value: any(is_right(value) for is_right in choices)
    if origin is tuple:
        return _tuple_predicate(inner)
    return lambda value: isinstance(value, annotation)


def _tuple_predicate(inner: tuple[Any, ...]) -> Predicate:
    if len(inner) == 2 and inner[1] is Ellipsis:
        is_item = _predicate(inner[0])
        return lambda value: isinstance(value, tuple) and all(map(is_item, value))
    items = [_predicate(each) for each in inner]
    return lambda value: (
        isinstance(value, tuple)
        and len(value) == len(items)
        and all(is_item(each) for is_item, each in zip(items, value, strict=True))
    )
