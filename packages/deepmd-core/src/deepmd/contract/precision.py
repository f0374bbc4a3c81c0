# SPDX-License-Identifier: LGPL-3.0-or-later
"""A model in single precision: its tree with other types of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    from deepmd.aliases import Document

PARTS = {"float32": ("descriptor", "fitting"), "mixed": ("fitting",)}
"""Which parts of a model are in single precision: all nets, or those that take most of the time."""
_DOUBLE = ("bias_atom_e",)
"""Arrays in double precision in any model: the energies of atoms, of which net energies are small differences."""


def in_precision(document: Document, name: str) -> Document:
    """The document of the same model with nets in single precision, without self-test: its numbers are others.

    Parameters
    ----------
    document : Document
    name : str
        One of `PARTS`.
    """
    model = _with_parts(document["model"], PARTS[name])
    return {**{key: value for key, value in document.items() if key != "self_test"}, "model": model}


def _with_parts(tree: Any, parts: Collection[str]) -> Any:
    """The tree of a model, or of several in one, with these parts changed."""
    if isinstance(tree, dict):
        return {key: _single(each) if key in parts else _with_parts(each, parts) for key, each in tree.items()}
    return [_with_parts(each, parts) for each in tree] if isinstance(tree, list | tuple) else tree


def _single(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {
            key: each if key in _DOUBLE else "float32" if key == "precision" else _single(each)
            for key, each in tree.items()
        }
    if isinstance(tree, list | tuple):
        return [_single(each) for each in tree]
    is_double = isinstance(tree, np.ndarray) and tree.dtype == np.float64
    return tree.astype(np.float32) if is_double else tree
