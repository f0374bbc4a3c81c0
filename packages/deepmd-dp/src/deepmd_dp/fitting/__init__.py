# SPDX-License-Identifier: LGPL-3.0-or-later
"""Fittings by their names in the input and in files; what they are is registered in pyproject.toml."""

from __future__ import annotations

from typing import Any

from deepmd.registry import FITTING, find_class


def fitting_class(name: str) -> type:
    """The class of a fitting.

    Raises
    ------
    ModelFileError
        There is no such fitting.
    """
    return find_class(FITTING, name)


def deserialize_fitting(data: dict[str, Any]) -> Any:
    """The fitting of a contract's tree."""
    return fitting_class(data["type"]).deserialize(data)
