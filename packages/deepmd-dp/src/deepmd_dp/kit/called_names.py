# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a program in Python's syntax calls and defines, TorchScript for instance, told from its source."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from typing import TYPE_CHECKING

from deepmd.errors import ModelFileError
from deepmd.files.plain import is_shallow

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(r"[\w.]+|[^\w.\s]")
_HEAD = re.compile(r"^class \w+(?:\(Module\))?:$", re.MULTILINE)
_WORDS = {"and", "assert", "else", "if", "in", "is", "not", "or", "return", "while"}
"""Words that may stand before a bracket or a text."""
_UNUSUAL = {"class", "elif", "lambda", "async", "await", "'", "#", "@", ";", "\\"}
_DEPTH, _WIDTH, _INDENT = 20, 2000, 60
"""Of what is plain: brackets in each other, characters of a line, columns before it; parsers go deeper."""


def called_names(source: bytes, where: str) -> set[str]:
    """Names as ``torch.add`` of operators, ``forward`` of methods and functions; of a call of what has no name ``?``.

    They are searched for where the source is as plain as TorchScript writes it, else told by Python's parser, which
    takes five times as long.

    Raises
    ------
    ModelFileError
        It is no such program; ``where`` names it.
    """
    try:
        text = source.decode()
        names = _plain_names(text)
        return set(_names(ast.parse(text))) if names is None else names
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ModelFileError(f"{where} cannot be read ({error}); the file is damaged.") from error


def _plain_names(text: str) -> set[str] | None:
    """The same of a source as TorchScript writes it; None: it could mislead a search."""
    parts = text.split('"')
    if len(parts) % 2 == 0 or "\n" in "".join(parts[1::2]) or not _is_flat(text):
        return None
    outside = _HEAD.sub("", '"'.join(parts[::2]))  # of each text one quote is left
    tokens = _TOKEN.findall(outside)
    pairs = set(pairwise(tokens))
    if not _UNUSUAL.isdisjoint(tokens) or any(map(_is_unusual, pairs)):
        return None
    names = {name for name, bracket in pairs if bracket == "(" and _is_word(name)}
    return {name if _is_operator(name) else name.rpartition(".")[2] for name in names - _WORDS}


def _is_flat(text: str) -> bool:
    """Whether it is printed, and no tree of it is deeper than a line is long, for brackets close within a line.

    A line that ends behind a comma goes on: a chain of operators does not end so.
    """
    joined = text.replace(",\n", ",")
    lines = joined.split("\n")
    return (
        text.isascii()
        and "".join(lines).isprintable()
        and max(map(len, lines)) < _WIDTH
        and f"\n{_INDENT * ' '}" not in text
        and is_shallow(joined, _DEPTH, by_line=True)
    )


def _is_unusual(pair: tuple[str, str]) -> bool:
    """Whether two tokens side by side could be a call that does not look like one, or one that looks like another."""
    left, right = pair
    return (
        (right == "(" and left in ')]}"')  # of what has no name
        or (right == ")" and (_is_operator(left) or left in ("torch", "ops")))  # (torch.add)(), (torch).add()
        or (right[0] == "." and left not in (")", "]"))  # names in pieces
        or (left[-1] == "." and (right == "(" or _is_word(right)))
        or (right == '"' and (left == '"' or (_is_word(left) and left not in _WORDS)))  # texts of several lines, f""
    )


def _is_word(token: str) -> bool:
    return token[0].isalnum() or token[0] in "._"


def _is_operator(name: str) -> bool:
    return name.startswith(("torch.", "ops."))


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _dotted(node.func)
            yield name if _is_operator(name) else name.rpartition(".")[2]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield getattr(node, "name", "lambda")


def _dotted(node: ast.AST) -> str:
    """``a.b.c``; what is no name stands as ``?``."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"
