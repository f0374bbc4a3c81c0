# SPDX-License-Identifier: LGPL-3.0-or-later
"""Has the tests execute the shapes in annotations: what is imported of deepmd_dp after this checks its arrays.

The names of `deepmd_dp.dialect.array` become jaxtyping's, and beartype checks by them what functions take and give, and
the fields that dataclasses and named tuples are made of. jaxtyping's own import hook, which wraps functions inside
functions too and all that has no array, would make the tests take more than three times as long.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
from importlib.machinery import PathFinder, SourceFileLoader
from types import FunctionType
from typing import Any, get_args, get_origin

import jaxtyping
import numpy as np
from beartype.door import die_if_unbearable

from deepmd_dp.dialect import array

KINDS = ("Bool", "Float", "Int", "Shaped")
checked: dict[str, dict[str, Any]] = {}
"""By the names of functions, the hints that are executed."""


def shape_hints(function: Any, names: dict[str, Any]) -> dict[str, Any]:
    """The hints with a shape among a function's annotations, which are text; `names` are those of its module."""
    hints = {}
    for name, annotation in inspect.unwrap(function).__annotations__.items():
        text = getattr(annotation, "__forward_arg__", annotation)  # of named tuples
        try:
            hint = eval(text, names) if isinstance(text, str) else text
        except NameError:  # what only type checkers import has no shape: test_shapes.py
            continue
        if mentions_shape(hint):
            hints[name] = hint
    return hints


def mentions_shape(hint: Any) -> bool:
    """Whether there is an array in it whose shape is said."""
    if isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return any(map(mentions_shape, hint if isinstance(hint, list) else get_args(hint)))  # a list: what a callable takes


def checking(function: Any, names: dict[str, Any]) -> Any:
    """The function with its hints executed; itself where it has none."""
    hints = shape_hints(function, names)
    if not hints:
        return function
    where = f"{names['__name__']}.{inspect.unwrap(function).__qualname__}"
    checked[where] = hints
    signature = inspect.signature(function)
    # what is said of any other argument holds for each of them
    hints |= {
        name: dict[str, hints[name]]
        for name, each in signature.parameters.items()
        if each.kind is each.VAR_KEYWORD and name in hints
    }
    axes = set(re.findall(r"\w+", str(list(hints.values())))) & signature.parameters.keys()
    seen = set()

    def check(args: Any, kwargs: Any, **result: Any) -> None:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        with jaxtyping.jaxtyped("context"):  # in which the name of an axis stands for one length
            for name in axes:
                set_length(name, given.arguments[name])
            for name, value in {**given.arguments, **result}.items():
                if name in hints:
                    check_value(value, hints[name], f"{where}, {name}: ")

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        taken = (form(args), form(kwargs))
        if taken not in seen:
            check(args, kwargs)
        result = function(*args, **kwargs)
        whole = (taken, form(result))
        if whole not in seen:
            check(args, kwargs, **{"return": result})
            seen.update((taken, whole))
        return result

    return call


def form(value: Any) -> Any:
    """All that a check can see of a value: what has been checked once is not checked again."""
    kind = type(value)
    if kind is int:
        return value
    if kind is tuple or kind is list:
        return (kind, *map(form, value))
    if kind is dict:
        return (kind, *value, *map(form, value.values()))
    return (kind, value.shape, value.dtype) if hasattr(value, "shape") and hasattr(value, "dtype") else kind


def check_value(value: Any, hint: Any, where: str) -> None:
    """Of containers beartype checks one item; here it is each."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is dict and isinstance(value, dict):
        parts = [(each, inner[1]) for each in value.values()]
    elif (origin is list and isinstance(value, list)) or (
        origin is tuple and inner[-1] is ... and isinstance(value, tuple)
    ):
        parts = [(each, inner[0]) for each in value]
    elif origin is tuple and isinstance(value, tuple):
        parts = list(zip(value, inner, strict=True))
    else:
        parts = []
    for each in parts:
        check_value(*each, where)
    if not parts:
        die_if_unbearable(value, hint, exception_prefix=where)


def set_length(name: str, value: Any) -> None:
    """An integer that is given by name is the length of the axis of this name."""
    if type(value) is int:
        # an array with such an axis, for jaxtyping to take note of
        assert isinstance(np.empty((value, 0)), jaxtyping.Shaped[np.ndarray, f"{name} 0"])


def check_members(names: dict[str, Any], members: dict[str, Any], replace: Any) -> None:
    """Has the functions, methods and properties of a module or a class checked; `names` are those of the module."""
    for name, member in list(members.items()):
        if isinstance(member, FunctionType):
            replace(name, checking(member, names))
        elif isinstance(member, classmethod | staticmethod):
            replace(name, type(member)(checking(member.__func__, names)))
        elif isinstance(member, property):
            replace(name, property(checking(member.fget, names)))


def module_of(value: Any) -> str | None:
    """Name of the module in which a function or a class was defined, whatever it is decorated with."""
    return getattr(inspect.unwrap(value), "__module__", None)


class CheckingLoader(SourceFileLoader):
    """Loads a module and wraps its functions and classes before others import them."""

    def exec_module(self, module: Any) -> None:
        super().exec_module(module)
        names = vars(module)
        own = {name: each for name, each in names.items() if module_of(each) == module.__name__}
        check_members(names, own, names.__setitem__)
        for each in own.values():
            # fields of dataclasses are checked by their __init__, those of named tuples by their __new__
            if isinstance(each, type) and not getattr(each, "_is_protocol", False):
                check_members(names, vars(each), functools.partial(setattr, each))


class CheckingFinder:
    """Finds the modules of deepmd_dp, as Python does it."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        spec = PathFinder.find_spec(name, path, target) if name.startswith("deepmd_dp.") else None
        if spec is None or type(spec.loader) is not SourceFileLoader:
            return None
        spec.loader = CheckingLoader(spec.loader.name, spec.loader.path)
        return spec


array.Array = Any  # to jaxtyping: what has a shape and a type
for _kind in KINDS:
    setattr(array, _kind, getattr(jaxtyping, _kind))
sys.meta_path.insert(0, CheckingFinder)
