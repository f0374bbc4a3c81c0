# SPDX-License-Identifier: LGPL-3.0-or-later
"""Settings of modules that have the same name in the class, in the contract's tree and in the input: said once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, fields
from typing import Any, TypeVar

from deepmd_dp.dialect.module import Module

Value = TypeVar("Value")


def setting(
    default: Any = MISSING, read: Callable[[Any], Any] | None = None, bounds: tuple[float, float] | None = None
) -> Any:
    """A static field that stands under its name in the contract's tree and in the input's section.

    Parameters
    ----------
    default : optional
        Value where the tree or the section lacks it.
    read : callable, optional
        From the plain value to the field's; lists become tuples in any case.
    bounds : (float, float), optional
        Least and largest value of a number, or of each in a tuple; see `deepmd_dp.dialect.field_types`.
    """
    return field(default=default, metadata={"static": True, "setting": True, "read": read, "bounds": bounds})


def write_settings(module: Module) -> dict[str, Any]:
    """The settings as plain values: tuples as lists, an empty ``type_map`` as None."""
    tree = {each.name: plain(getattr(module, each.name)) for each in _settings(type(module))}
    if tree.get("type_map") == []:
        tree["type_map"] = None
    return tree


def read_settings(kind: type[Module], data: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a class in a tree or a section, ready for its constructor.

    Raises
    ------
    KeyError
        One without a default is missing.
    """
    return {each.name: _read(each, data) for each in _settings(kind)}


def _settings(kind: type[Module]) -> list[Field[Any]]:
    return [each for each in fields(kind) if "setting" in each.metadata]


def _read(each: Field[Any], data: Mapping[str, Any]) -> Any:
    if each.name not in data or (data[each.name] is None and each.default == ()):
        if each.default is MISSING:
            raise KeyError(each.name)
        return each.default
    value, read = data[each.name], each.metadata["read"]
    return hashable(value if read is None else read(value))


def hashable(value: Any) -> Any:
    """A plain value with tuples for lists."""
    return tuple(hashable(each) for each in value) if isinstance(value, list | tuple) else value


def plain(value: Any) -> Any:
    """The inverse of `hashable`."""
    return [plain(each) for each in value] if isinstance(value, tuple) else value
