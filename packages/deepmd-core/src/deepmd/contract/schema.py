# SPDX-License-Identifier: LGPL-3.0-or-later
"""What stands in documents and checkpoints, as tables, and the one function that holds files against them.

The model's own tree below ``model`` is checked by the model that it is of.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from deepmd.errors import ModelFileError
from deepmd.files.plain import describe, place

REST = "*"
"""All keys that a table does not name; without it they may hold anything."""
Table = dict[str, Any]
"""Key to a type, a tuple of types, a range of integers or a table; a key that ends in ``?`` may be missing."""

NUMBER = (float, int)
DOCUMENT: Table = {
    "model": dict,
    "model_def_script?": (dict, type(None)),
    "software?": str,
    "version?": (str, *NUMBER),
    "time?": str,
    "backend?": str,
    "min_nbor_dist?": (*NUMBER, np.ndarray, type(None)),
    "self_test?": (dict, type(None)),
}
_SEQUENCE: Table = {"seed": range(2**63), "drawn": range(2**31)}
STATE: Table = {"model": DOCUMENT, "optimizer": {REST: (np.ndarray, np.generic)}, "step": range(2**31), "loop": dict}
LOOP: Table = {
    "data?": _SEQUENCE,
    "validation?": _SEQUENCE,
    "average?": {"weights": {REST: NUMBER}, "sums": {REST: NUMBER}},
    "reach?": NUMBER,
    "bases?": {REST: list},
}
"""What our own training loop and trainers have in a state; a reader of files knows nothing of it."""

_WORDS = {dict: "a mapping", str: "a text", float: "a number", int: "an integer", np.ndarray: "an array"}


def check_table(value: Any, table: Any, source: str, path: tuple[str, ...] = ()) -> None:
    """Raises unless a value is what a table says.

    Parameters
    ----------
    value : Any
    table : dict, type, tuple of types or range
    source : str
        The file, for messages.

    Raises
    ------
    ModelFileError
        Says what is missing, or what was found and what was expected.
    """
    if isinstance(table, dict):
        if not isinstance(value, dict):
            raise ModelFileError(f"{source}: {place(path)} is {describe(value)}; expected a mapping.")
        named = {key.removesuffix("?"): key for key in table if key != REST}
        for key, name in named.items():
            if key in value:
                check_table(value[key], table[name], source, (*path, key))
            elif name == key:
                raise ModelFileError(f"{source}: {place((*path, key))} is missing; the file is incomplete.")
        for key in value.keys() - named.keys() if REST in table else ():
            check_table(value[key], table[REST], source, (*path, key))
    elif isinstance(value, bool) or not (
        value in table if isinstance(table, range) and isinstance(value, int) else _is_of(value, table)
    ):
        raise ModelFileError(f"{source}: {place(path)} is {describe(value)}; expected {_expected(table)}.")


def _is_of(value: Any, table: Any) -> bool:
    return not isinstance(table, range) and isinstance(value, table)


def _expected(table: Any) -> str:
    if isinstance(table, range):
        return f"an integer from {table.start} to {table.stop - 1}"
    types = table if isinstance(table, tuple) else (table,)
    return " or ".join(_WORDS[each] for each in types if each in _WORDS)
