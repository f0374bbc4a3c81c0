# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the TorchScript in an archive calls and defines, told from its source before torch sees it.

torch runs code while it reads: methods `__setstate__`, and the values of arguments left out.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from deepmd.errors import ModelFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def operators(members: Mapping[str, bytes], path: str) -> set[str]:
    """Names as ``torch.add`` of operators, ``forward`` of methods and functions.

    Raises
    ------
    ModelFileError
        The source cannot be read.
    """
    found = {"torch.classes" for content in members.values() if b"torch.classes" in content}  # classes in C++
    for name, content in members.items():
        if name.startswith("code/"):
            try:
                found.update(_names(ast.parse(content.decode())))
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                raise ModelFileError(f"{path}: {name} cannot be read ({error}); the file is damaged.") from error
    return found


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _dotted(node.func)
            yield name if name.startswith(("torch.", "ops.")) else name.rpartition(".")[2]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield getattr(node, "name", "lambda")


def _dotted(node: ast.AST) -> str:
    """``a.b.c``; what is no name stands as ``?``."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"
