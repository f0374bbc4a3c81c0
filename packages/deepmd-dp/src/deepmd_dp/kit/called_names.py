# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a program in Python's syntax calls and defines, TorchScript for instance, told from its source."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from deepmd.errors import ModelFileError

if TYPE_CHECKING:
    from collections.abc import Iterator


def called_names(source: bytes, where: str) -> set[str]:
    """Names as ``torch.add`` of operators, ``forward`` of methods and functions; of a call of what has no name ``?``.

    Raises
    ------
    ModelFileError
        It is no such program; ``where`` names it.
    """
    try:
        return set(_names(ast.parse(source.decode())))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ModelFileError(f"{where} cannot be read ({error}); the file is damaged.") from error


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
