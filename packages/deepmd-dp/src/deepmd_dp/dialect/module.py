# SPDX-License-Identifier: LGPL-3.0-or-later
"""A model is a tree: a `Module` is a dataclass of arrays, child modules and static settings.

A backend needs two functions of it: `leaves`, the arrays with their paths, and `map_leaves`,
the same tree with other arrays. Saving, casting, counting and moving to a device are each
one call of these.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Array = Any
Tree = TypeVar("Tree")

module = partial(dataclass, frozen=True, eq=False, kw_only=True)
"""Class decorator of every `Module`."""


def static(**kwargs: Any) -> Any:
    """A field that is a setting: hashable, never an array."""
    return field(metadata={"static": True}, **kwargs)


def buffer(**kwargs: Any) -> Any:
    """A field that holds an array which no optimiser trains, such as statistics."""
    return field(metadata={"buffer": True}, **kwargs)


class Module:
    """Base of all modules: subclasses are decorated with `@module` and declare fields only.

    A field is a trained array, a child module, a tuple of either, or None; or it is declared
    with `static` or `buffer`. Where a subclass has a static field ``trainable`` that is
    False, its own arrays are not trained.
    """


class Leaf(NamedTuple):
    """An array of a tree."""

    path: str
    array: Array
    trained: bool


@cache
def _data_fields(cls: type[Module]) -> tuple[tuple[str, bool], ...]:
    return tuple((f.name, "buffer" in f.metadata) for f in fields(cls) if "static" not in f.metadata)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def leaves(tree: Any, path: str = "", trained: bool = True) -> Iterator[Leaf]:
    """The arrays of a tree, depth first in the order of the fields; None is passed over.

    Paths look like ``descriptor.embeddings.networks.0.layers.1.w``: a checkpoint's names.
    """
    if isinstance(tree, Module):
        own = trained and getattr(tree, "trainable", True) is not False
        for name, is_buffer in _data_fields(type(tree)):
            yield from leaves(getattr(tree, name), _join(path, name), own and not is_buffer)
    elif isinstance(tree, tuple | list):
        for index, item in enumerate(tree):
            yield from leaves(item, _join(path, str(index)), trained)
    elif tree is not None:
        yield Leaf(path, tree, trained)


def map_leaves(tree: Tree, function: Callable[[str, Array], Array], path: str = "") -> Tree:
    """The same tree with each array replaced by ``function(path, array)``."""
    if isinstance(tree, Module):
        changes = {
            name: map_leaves(getattr(tree, name), function, _join(path, name)) for name, _ in _data_fields(type(tree))
        }
        return replace(tree, **changes)
    if isinstance(tree, tuple | list):
        return tuple(map_leaves(item, function, _join(path, str(i))) for i, item in enumerate(tree))  # type: ignore[return-value]
    return None if tree is None else function(path, tree)


def with_leaves(tree: Tree, arrays: dict[str, Array]) -> Tree:
    """The same tree with the arrays of these paths replaced; the others stay."""
    return map_leaves(tree, lambda path, array: arrays.get(path, array))
