# SPDX-License-Identifier: LGPL-3.0-or-later
"""Has the tests execute the shapes in annotations: what is imported of deepmd_dp after this checks its arrays.

The names of `deepmd_dp.dialect.array` become jaxtyping's, and beartype checks by them what public functions take and
give, and the fields that dataclasses and named tuples are made of. jaxtyping's own import hook, which wraps private and
nested functions too and all that has no array, would make the tests take more than three times as long.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
from dataclasses import is_dataclass
from importlib.machinery import PathFinder, SourceFileLoader
from types import FunctionType
from typing import Any, get_args

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
    for name, annotation in function.__annotations__.items():
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
    return (isinstance(hint, list | tuple) and any(map(mentions_shape, hint))) or any(
        map(mentions_shape, get_args(hint))
    )


def checking(function: Any, names: dict[str, Any]) -> Any:
    """The function with its hints executed; itself where it has none."""
    hints = shape_hints(function, names)
    if not hints:
        return function
    where = f"{function.__module__}.{function.__qualname__}"
    checked[where] = hints
    signature = inspect.signature(function)
    axes = set(re.findall(r"\w+", str(list(hints.values())))) & signature.parameters.keys() - hints.keys()

    def check(name: str, value: Any) -> None:
        if name in hints:
            die_if_unbearable(value, hints[name], exception_prefix=f"{where}, {name}: ")

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs)
        with jaxtyping.jaxtyped("context"):  # in which the name of an axis stands for one length
            if axes:
                given.apply_defaults()
                set_lengths({name: given.arguments[name] for name in axes})
            for name, value in given.arguments.items():
                check(name, value)
            result = function(*args, **kwargs)
            check("return", result)
            return result

    return call


def set_lengths(arguments: dict[str, Any]) -> None:
    """Integers that are given by name are the lengths of the axes of these names."""
    for name, value in arguments.items():
        if type(value) is int:
            # an array with such an axis, for jaxtyping to take note of
            assert isinstance(np.empty((value, 0)), jaxtyping.Shaped[np.ndarray, f"{name} 0"])


def check_members(cls: type, names: dict[str, Any]) -> None:
    """The same for the public methods and properties of a class, and for what makes its fields."""
    makes_fields = {"__init__"} if is_dataclass(cls) else {"__new__"} if hasattr(cls, "_fields") else set()
    for name, member in list(vars(cls).items()):
        if name.startswith("_") and name not in {"__call__"} | makes_fields:
            continue
        if isinstance(member, FunctionType):
            setattr(cls, name, checking(member, names))
        elif isinstance(member, classmethod | staticmethod):
            setattr(cls, name, type(member)(checking(member.__func__, names)))
        elif isinstance(member, property):
            setattr(cls, name, property(checking(member.fget, names)))


class CheckingLoader(SourceFileLoader):
    """Loads a module and wraps its public functions and classes before others import them."""

    def exec_module(self, module: Any) -> None:
        super().exec_module(module)
        names = vars(module)
        for name, value in list(names.items()):
            if getattr(value, "__module__", None) != module.__name__ or name.startswith("_"):
                continue
            if isinstance(value, FunctionType):
                names[name] = checking(value, names)
            elif isinstance(value, type) and not getattr(value, "_is_protocol", False):
                check_members(value, names)


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
