# SPDX-License-Identifier: LGPL-3.0-or-later
"""A model is a tree: a `Module` is a dataclass of arrays, child modules and static settings.

A backend needs two functions of it: `leaves`, the arrays with their paths, and `map_leaves`,
the same tree with other arrays. Saving, casting, counting and moving to a device are each
one call of these.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

from deepmd_dp.dialect.array import Array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from dataclasses import Field

    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: object) -> Callable[[Any], Any]:
        """typing has it from Python 3.11 on; only type checkers look at it."""
        return lambda decorator: decorator


Node = Any
"""A module, an array, a tuple of either, or None."""
Tree = TypeVar("Tree")
AnyModule = TypeVar("AnyModule", bound="Module")


def static(**kwargs: Any) -> Any:
    """A field that is a setting: hashable, never an array."""
    return field(metadata={"static": True}, **kwargs)


def buffer(**kwargs: Any) -> Any:
    """A field that holds an array which no optimiser trains, such as statistics."""
    return field(metadata={"buffer": True}, **kwargs)


@dataclass_transform(
    frozen_default=True, eq_default=False, kw_only_default=True, field_specifiers=(static, buffer, field)
)
def module(cls: type[Tree]) -> type[Tree]:
    """Class decorator of every `Module`."""
    return dataclass(frozen=True, eq=False, kw_only=True)(cls)


class Module:
    """Base of all modules: subclasses are decorated with `@module` and declare fields only.

    A field is a trained array, a child module, a tuple of either, or None; or it is declared
    with `static` or `buffer`. Where a subclass has a static field ``trainable`` that is
    False, its own arrays are not trained.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


class Leaf(NamedTuple):
    """An array of a tree."""

    path: str
    array: Array
    trained: bool


def _data_fields(module: Module) -> tuple[tuple[str, bool], ...]:
    return _fields_of_class(type(module))  # type: ignore[arg-type]  # mypy takes a class for unhashable


@cache
def _fields_of_class(cls: type[Module]) -> tuple[tuple[str, bool], ...]:
    return tuple((f.name, "buffer" in f.metadata) for f in fields(cls) if "static" not in f.metadata)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def leaves(tree: Node, path: str = "") -> Iterator[Leaf]:
    """The arrays of a tree, depth first in the order of the fields; None is passed over.

    Paths look like ``descriptor.embeddings.networks.0.layers.1.w``: a checkpoint's names. An array that stands at
    several places of the tree, since modules share it, is one leaf under the first of its paths.
    """
    seen: set[int] = set()
    for leaf in _walk(tree, path, trained=True):
        if id(leaf.array) not in seen:
            seen.add(id(leaf.array))
            yield leaf


def _walk(tree: Node, path: str, trained: bool) -> Iterator[Leaf]:
    if isinstance(tree, Module):
        own = trained and getattr(tree, "trainable", True) is not False
        for name, is_buffer in _data_fields(tree):
            yield from _walk(getattr(tree, name), _join(path, name), own and not is_buffer)
    elif isinstance(tree, tuple | list):
        for index, item in enumerate(tree):
            yield from _walk(item, _join(path, str(index)), trained)
    elif tree is not None:
        yield Leaf(path, tree, trained)


def modules(tree: Node, kind: type[AnyModule], path: str = "") -> Iterator[tuple[str, AnyModule]]:
    """The modules of a class in a tree, with their paths, those inside others included."""
    if isinstance(tree, kind):
        yield path, tree
    if isinstance(tree, Module):
        for name, _ in _data_fields(tree):
            yield from modules(getattr(tree, name), kind, _join(path, name))
    elif isinstance(tree, tuple | list):
        for index, item in enumerate(tree):
            yield from modules(item, kind, _join(path, str(index)))


def map_leaves(tree: Tree, function: Callable[[str, Array], Array], path: str = "") -> Tree:
    """The same tree with each array replaced by ``function(path, array)``; what is shared stays shared."""
    done: dict[int, Array] = {}

    def once(path: str, array: Array) -> Array:
        if id(array) not in done:
            done[id(array)] = function(path, array)
        return done[id(array)]

    return _map(tree, once, path)


def _map(tree: Tree, function: Callable[[str, Array], Array], path: str) -> Tree:
    if isinstance(tree, Module):
        changes = {name: _map(getattr(tree, name), function, _join(path, name)) for name, _ in _data_fields(tree)}
        return replace(tree, **changes)
    if isinstance(tree, tuple | list):
        return tuple(_map(item, function, _join(path, str(i))) for i, item in enumerate(tree))  # type: ignore[return-value]
    return None if tree is None else function(path, tree)  # type: ignore[return-value, arg-type]  # an array


def with_leaves(tree: Tree, arrays: Mapping[str, Array]) -> Tree:
    """The same tree with the arrays of these paths replaced; the others stay.

    Raises
    ------
    KeyError
        The tree has no such leaf.
    """
    unknown = arrays.keys() - {leaf.path for leaf in leaves(tree)}
    if unknown:
        raise KeyError(f"there is no leaf {', '.join(sorted(unknown))} in this {type(tree).__name__}")
    return map_leaves(tree, lambda path, array: arrays.get(path, array))


def trained_like(tree: Tree, other: Tree) -> Tree:
    """The same tree in which the same modules are trained as in another one of its structure."""
    if isinstance(tree, Module) and type(tree) is type(other):
        changes = {name: trained_like(getattr(tree, name), getattr(other, name)) for name, _ in _data_fields(tree)}
        if "trainable" in tree.__dataclass_fields__:
            changes["trainable"] = getattr(other, "trainable")  # noqa: B009  not every module has it
        return replace(tree, **changes)
    if isinstance(tree, tuple) and isinstance(other, tuple):
        return tuple(trained_like(one, two) for one, two in zip(tree, other, strict=True))  # type: ignore[return-value]
    return tree


def with_modules(tree: Tree, changes: dict[str, Module], path: str = "") -> Tree:
    """The same tree with the modules at these paths replaced."""
    if path in changes:
        return changes[path]  # type: ignore[return-value]
    if isinstance(tree, Module):
        fields_of = {
            name: with_modules(getattr(tree, name), changes, _join(path, name)) for name, _ in _data_fields(tree)
        }
        return replace(tree, **fields_of)
    if isinstance(tree, tuple | list):
        return tuple(with_modules(item, changes, _join(path, str(i))) for i, item in enumerate(tree))  # type: ignore[return-value]
    return tree
