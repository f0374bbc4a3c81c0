# SPDX-License-Identifier: LGPL-3.0-or-later
"""Fittings by their names in the input and in files; what they are is registered in pyproject.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from deepmd.registry import FITTING, find_class

if TYPE_CHECKING:
    from deepmd_dp.interface import Fitting, FittingClass


def fitting_class(name: str) -> FittingClass:
    """The class of a fitting.

    Raises
    ------
    ModelFileError
        There is no such fitting.
    """
    return cast("FittingClass", find_class(FITTING, name))


def deserialize_fitting(data: dict[str, Any]) -> Fitting:
    """The fitting of a contract's tree."""
    return fitting_class(data["type"]).deserialize(data)
