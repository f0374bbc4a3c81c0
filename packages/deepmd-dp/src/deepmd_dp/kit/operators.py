# SPDX-License-Identifier: LGPL-3.0-or-later
"""Operators that the graph in a file may have: those that only compute. Others read and write files at will."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

from deepmd.errors import ModelFileError
from deepmd.files.plain import MAX_DEPTH, is_shallow, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Set
    from pathlib import Path

VARIABLE = "DP_ANY_OPERATOR"
"""Of the environment: 1 lets all operators through."""
LIST = "operators.inc"
"""The file in each backend's package that lists operators that only compute, for Python and C++: ``"Add",``."""

_VERSIONED = re.compile(r'vhlo\.(\w+)_v\d+|(?:#vhlo\.string_v\d+<)?"([^"\\]+)">?')
_IN_JSON = re.compile(r'"#"\s*:\s*"([^"]*)"')


def refuse_operators(found: Iterable[str], known: Path, path: str) -> None:
    """Refuses a file with other operators than those that are known.

    Parameters
    ----------
    found : iterable of str
        Names of all operators of its graph.
    known : Path
        A `LIST`.
    path : str
        The file, for people.

    Raises
    ------
    ModelFileError
        Names the operators.
    """
    others = sorted(set(found) - set(re.findall(r'"([^"]+)"', known.read_text(encoding="utf-8"))))
    if others and os.environ.get(VARIABLE) != "1":
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        raise ModelFileError(
            f"{path} has operators that no model of ours needs: {', '.join(others[:5])}{more}. What they do is not "
            f"known, and some write files; where you trust whoever gave you the file, set {VARIABLE}=1."
        )


def refuse_circles(calls: Mapping[str, Set[str]], path: str) -> None:
    """Refuses a file whose functions call each other in a circle: frameworks follow it until the process ends.

    Parameters
    ----------
    calls : mapping
        Of each function's name to those that it calls.
    path : str
        The file.

    Raises
    ------
    ModelFileError
        There is a circle.
    """
    left = dict(calls)
    while ends := [name for name, called in left.items() if not left.keys() & called]:
        for name in ends:
            del left[name]
    if left:
        raise ModelFileError(f"{path} has functions that call themselves: {', '.join(sorted(left)[:5])}.")


def unversioned(name: str) -> str:
    """StableHLO's name of an operator of VHLO, its form in files; of a text in either, without what is around it."""
    matched = _VERSIONED.fullmatch(name)
    if matched is None:
        return name
    operator, text = matched.groups()
    return text or f"{'func' if operator in ('func', 'call') else 'stablehlo'}.{operator}"


def operators_of_json(program: str, source: str) -> set[str]:
    """Operators and types of a program as Paddle writes it, which stand under the key ``#``.

    Raises
    ------
    ModelFileError
        It is no JSON, or too deep; ``source`` names it.
    """
    found = set(names := _IN_JSON.findall(program))
    # a search misses what is written by escapes, which make `is_shallow` false
    if len(names) != program.count('"#"') or not is_shallow(program, MAX_DEPTH):
        parse_json(program, source, ModelFileError)
        json.loads(program, object_hook=lambda each: found.add(str(each.get("#", ""))))
    return found - {""}
