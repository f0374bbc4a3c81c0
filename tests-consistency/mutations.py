# SPDX-License-Identifier: LGPL-3.0-or-later
"""Changes that make a file a damaged, misshapen or malicious one; what comes of a seed is always the same."""

from __future__ import annotations

import copy
import math
import random
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Tree = Any
ODD_VALUES: tuple[Callable[[], Any], ...] = (
    lambda: None,
    lambda: True,
    lambda: 0,
    lambda: -1,
    lambda: 5,
    lambda: 10**9,
    lambda: 2**62,
    lambda: 10**400,
    lambda: 0.5,
    lambda: -1.5,
    lambda: 1e308,
    lambda: math.nan,
    lambda: math.inf,
    lambda: "",
    lambda: "no",
    lambda: "float16",
    lambda: "bfloat16",
    lambda: "\ud800",
    lambda: "line\nof \x1b[31mtwo",
    list,
    dict,
    lambda: [[]],
    lambda: [1, "a", None],
    lambda: list(range(2000)),
    lambda: {"@class": "np.ndarray"},
    lambda: {"@array": "none"},
    lambda: "/variable_0000",
    lambda: _nested(90),
    lambda: _nested(5000),
)


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def change_bytes(content: bytes, rng: random.Random) -> bytes:
    """Some bits, bytes or pieces of a content otherwise."""
    data = bytearray(content)
    if not data:
        return b"\0"
    start = rng.randrange(len(data))
    length = min(len(data) - start, rng.choice((1, 2, 4, 8, 64, 1024)))
    kind = rng.randrange(8)
    if kind < 3:
        for _ in range(rng.choice((1, 1, 1, 8))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 3:
        del data[start:]
    elif kind == 4:
        del data[start : start + length]
    elif kind == 5:
        data[start : start + length] = bytes(length)
    elif kind == 6:
        data[start : start + length] = b"\xff" * length
    else:
        data[start:start] = data[start : start + length] * rng.choice((1, 2, 100))
    return bytes(data)


def change_text(content: bytes, rng: random.Random) -> bytes:
    """A text of JSON or YAML with another word, or brackets and aliases where there were none."""
    text = content.decode()
    words = [place for place, each in enumerate(text) if each in ":,[{ \n"]
    place = rng.choice(words)
    new = rng.choice(
        (
            *(
                "[",
                "]",
                "{",
                "}",
                '"',
                ",",
                ":",
                "- ",
                "&a ",
                "*a",
                "!!python/object:os.system x",
                "null",
                "-1",
                "1e400",
            ),
            *(
                "9" * 5000,
                "[" * 500,
                "[" * 100_000,
                "{a: " * 5000,
                "- " * 5000,
                "0x1",
                "1:30",
                "2001-01-01",
                "NaN",
                ".inf",
            ),
            *("5: 5", "? [a]\n: b", "<<: *a", "\t", "\0", "é", "\ufeff", "'"),
        )
    )
    end = place + rng.choice((0, 1, 1, 5, 20))
    return (text[:place] + new + text[end:]).encode()


def change_tree(tree: Tree, rng: random.Random) -> Tree:
    """A copy of a tree with one to three values missing, of another type, in another place, or of another size."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = list(_places(tree))
        if not places:
            return tree
        # near the root there are few, which decide most
        parent, key = rng.choice(places[:40] if rng.random() < 0.4 else places)
        value, kind = parent[key], rng.randrange(6)
        if kind == 0:
            del parent[key]
        elif kind == 1 and isinstance(parent, dict):
            parent[rng.choice(("type", "@class", "renamed", "@variables"))] = parent.pop(key)
        elif kind == 2:
            other, name = rng.choice(places)
            parent[key] = copy.deepcopy(other[name]) if name in other or isinstance(other, list) else None
        elif isinstance(value, np.ndarray):
            parent[key] = _other_array(value, rng)
        elif isinstance(value, bool | int | float) and rng.random() < 0.5:
            parent[key] = rng.choice((value + 1, -value, value * 1000, 0.5, str(value), [value], bool(value)))
        else:
            parent[key] = rng.choice(ODD_VALUES)()
    return tree


def _other_array(array: np.ndarray, rng: random.Random) -> Any:
    return rng.choice(
        (
            lambda: array[..., None],
            lambda: array.ravel(),
            lambda: np.concatenate([array.ravel()] * 2),
            lambda: np.zeros(0),
            lambda: np.full(array.shape, np.nan),
            lambda: np.full(array.shape, 1e308),
            lambda: np.zeros_like(array),
            lambda: array.astype(np.float32),
            lambda: array.astype(np.float16),
            lambda: array.astype(np.int64),
            lambda: array.astype(bool),
            lambda: None,
            lambda: 3,
            lambda: "text",
        )
    )()


def _places(tree: Tree) -> Iterator[tuple[Any, Any]]:
    """Each list or mapping and a key in it, the outer ones first."""
    ahead = [tree]
    for node in ahead:
        items = list(node.items()) if isinstance(node, dict) else list(enumerate(node))[:20]
        for key, value in items:
            yield node, key
            if isinstance(value, dict | list) and len(ahead) < 5000:
                ahead.append(value)
