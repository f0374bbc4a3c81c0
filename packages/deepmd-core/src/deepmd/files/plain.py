# SPDX-License-Identifier: LGPL-3.0-or-later
"""JSON and YAML that strangers wrote: plain values only, no deeper and no larger than the text lets expect.

Both parsers walk down a text by calling themselves, so that nesting ends in Python's limit or, in C, in the process's
end; YAML's aliases let 600 bytes stand for more than any memory holds. Both are known before a value is made.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from deepmd.errors import DeepmdError, InputError, first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import yaml

MAX_DEPTH = 100
"""Lists and mappings in each other; models have some twenty."""
LARGEST_INTEGER = 2**63
"""No integer is larger than what an array holds."""
_DEEP_LINE = re.compile(rf"^[ \-?:]{{{MAX_DEPTH // 2}}}", re.MULTILINE)
"""Without brackets YAML nests by indentation: each column of it is two levels at most."""

_ROUND = bytes.maketrans(b"[]{}", b"()()")
_OTHERS = bytes(set(range(256)) - set(b'()[]{}"'))


def parse_json(
    text: str | bytes,
    source: str,
    error: type[DeepmdError] = InputError,
    pairs: Callable[..., Any] | None = None,
    advise: Callable[[str, int], str] | None = None,
) -> Any:
    """The plain values of a JSON text.

    Parameters
    ----------
    text : str or bytes
    source : str
        The file, for messages.
    error : type
        What is raised where it is no JSON, or not plain (`check_plain`).
    pairs : callable, optional
        Makes the mappings of their pairs.
    advise : callable, optional
        What to do about a mistake at a position of a text that people write; empty where that is not known.
    """
    try:
        tree = json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as reason:
        place = f"line {reason.lineno}, column {reason.colno}"
        remedy = advise(reason.doc, reason.pos) if advise is not None else ""
        what = f"{place}: {remedy}" if remedy else f"{reason.msg} in {place}"
        raise error(f"{source} is not valid JSON: {what}{'' if what.endswith('?') else '.'}") from reason
    except RecursionError as reason:
        raise error(_too_deep(source)) from reason
    except ValueError as reason:  # no text, or an integer that Python does not convert
        raise error(f"{source} is not valid JSON: {first_line(reason)}.") from reason
    check_plain(tree, source, error)
    return tree


def parse_yaml(
    text: str, source: str, error: type[DeepmdError] = InputError, check: Callable[[yaml.Node], None] | None = None
) -> Any:
    """The values of a YAML text without tags of Python's; `check_plain` is left to the caller.

    Parameters
    ----------
    check : callable, optional
        Looks at the text's nodes before values are made of them.
    """
    import yaml

    # the C version reads the same, some ten times faster; PyYAML may be built without it
    loader_class = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if _may_be_deep(text):
            _check_events(yaml.parse(text, Loader=loader_class), len(text) + MAX_DEPTH, source, error)
        loader = loader_class(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            if check is not None:
                check(node)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as reason:
        words = " ".join(str(reason).split())
        raise error(f"{source} is not plain YAML or is truncated: {words}") from reason
    except (ValueError, TypeError, AttributeError) as reason:  # of no number or date of YAML's, keys that are lists
        raise error(f"{source} is not plain YAML: {first_line(reason)}.") from reason


def _may_be_deep(text: str) -> bool:
    """Whether it must be looked at closer, which takes time that files of numbers need not spend."""
    return "*" in text or text.count("[") + text.count("{") > MAX_DEPTH // 2 or _DEEP_LINE.search(text) is not None


def _check_events(events: Iterator[yaml.Event], most: int, source: str, error: type[DeepmdError]) -> None:
    """Raises where a YAML text is too deep, or its aliases stand for more values than it has characters."""
    import yaml

    sizes: dict[str, int] = {}
    open_ones: list[tuple[str | None, int]] = []
    total = 0
    for event in events:
        size = 1
        if isinstance(event, yaml.CollectionStartEvent):
            open_ones.append((event.anchor, total))
            if len(open_ones) > MAX_DEPTH:
                raise error(_too_deep(source))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_ones.pop()
            if anchor:
                sizes[anchor] = total - before
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise error(f"{source}: the alias *{event.anchor} stands for nothing that is complete before it.")
            size = sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent) and event.anchor:
            sizes[event.anchor] = 1
        total += size
        if total > most:
            raise error(f"{source}: its aliases stand for more values than the file has characters; write them out.")


def is_shallow(text: str, depth: int, *, by_line: bool = False) -> bool:
    """Whether the brackets of a text, those within its double quotes apart, close each other and are at most so deep.

    Of whatever kind they are, and many times faster than reading the text; False also where that cannot be told, for a
    backslash in it.

    Parameters
    ----------
    text : str
    depth : int
    by_line : bool
        Whether each line is to close its own.
    """
    if "\\" in text:
        return False
    others = _OTHERS.replace(b"\n", b"") if by_line else _OTHERS
    brackets = text.encode(errors="replace").translate(_ROUND, others).replace(b'""', b"")
    brackets = b"".join(brackets.split(b'"')[::2])
    for _ in range(depth):
        if b"(" not in brackets:
            break
        brackets = brackets.replace(b"()", b"")
    return not brackets.strip(b"\n")


def check_plain(
    tree: Any,
    source: str,
    error: type[DeepmdError] = InputError,
    others: tuple[type, ...] = (),
    most: int | None = None,
) -> None:
    """Raises unless a tree is of plain values: texts, numbers, true, false, null, lists, mappings with texts as keys.

    Parameters
    ----------
    source : str
        The file, for messages.
    error : type
        What is raised.
    others : tuple of type
        Types of further values that may stand there, such as arrays.
    most : int, optional
        Values that there may be, each counted where it stands: in some formats a value stands for itself elsewhere.
    """
    simple = {float, bool, type(None), *others}  # most values are no more than this
    level, count, depth = [tree], 1, 0
    while level:
        if depth > MAX_DEPTH and not all(type(value) in simple for value in level):
            raise error(_too_deep(source))
        inner: list[Any] = []
        for value in level:
            kind = type(value)
            if kind in simple or (kind is str and value.isascii()):
                continue
            if isinstance(value, (list, dict)):
                if most is not None and count + len(inner) + len(value) > most:
                    raise error(f"{source}: its parts stand for more values than the file has bytes; it is damaged.")
                inner += value if isinstance(value, list) else _values(value, tree, source, error)
            else:
                _check_value(value, tree, source, error, others)
        level, count, depth = inner, count + len(inner), depth + 1


def _values(mapping: dict[Any, Any], tree: Any, source: str, error: type[DeepmdError]) -> Iterable[Any]:
    """The values of a mapping whose keys are texts."""
    for key in mapping:
        if not _is_text(key):
            raise error(f"{source}: {_place_in(tree, mapping)} has the key {_no_text(key)}")
    return mapping.values()


def _check_value(value: Any, tree: Any, source: str, error: type[DeepmdError], others: tuple[type, ...]) -> None:
    """Raises unless it is a text, a number, true, false or null."""
    if isinstance(value, str):
        if not _is_text(value):
            raise error(f"{source}: {_place_in(tree, value)} is {_no_text(value)}")
    elif isinstance(value, int):
        if abs(value) >= LARGEST_INTEGER:
            what = f"an integer of {value.bit_length()} bits"
            raise error(f"{source}: {_place_in(tree, value)} is {what}; expected at most 63.")
    elif not isinstance(value, (float, *others)):
        what = f"{describe(value)}, a {type(value).__name__}"
        raise error(f"{source}: {_place_in(tree, value)} is {what}; {_EXPECTED}.")


def _place_in(tree: Any, wanted: Any) -> str:
    """Where an object stands first in a tree."""
    level: list[tuple[Any, tuple[Any, ...]]] = [(tree, ())]
    while level:
        for value, path in level:
            if value is wanted:
                return place(path)
        level = [(inner, (*path, key)) for value, path in level for key, inner in _items(value)]
    return place(())


def _items(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


_EXPECTED = "expected a text, a number, true, false, null, a list or a mapping"


def place(path: tuple[Any, ...]) -> str:
    """Where a value stands: ``model/descriptor/sel/0``."""
    return "/".join(map(str, path)) or "the whole"


def describe(value: Any) -> str:
    """A value in a few words."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is_text(value: Any) -> bool:
    """Whether it is a text, and one that a file can hold."""
    if not isinstance(value, str):
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _no_text(value: Any) -> str:
    return f"{describe(value)}, which is no text" + (
        " in Unicode." if isinstance(value, str) else "; put it in quotes."
    )


def _too_deep(source: str) -> str:
    return f"{source}: lists and mappings stand in each other more than {MAX_DEPTH} deep; it is damaged."
