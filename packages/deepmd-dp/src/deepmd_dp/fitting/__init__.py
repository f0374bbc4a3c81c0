# SPDX-License-Identifier: LGPL-3.0-or-later
"""Fittings by their names in the input and in files."""

from __future__ import annotations

from typing import Any

from deepmd.errors import ModelFileError
from deepmd_dp.fitting.dipole import DipoleFitting
from deepmd_dp.fitting.ener import EnerFitting

FITTINGS: dict[str, type] = {"ener": EnerFitting, "dipole": DipoleFitting}


def fitting_class(name: str) -> type:
    """The class of a fitting.

    Raises
    ------
    ModelFileError
        There is no such fitting in this version.
    """
    if name not in FITTINGS:
        raise ModelFileError(f"fitting {name!r} is not supported by this version; supported are {', '.join(FITTINGS)}.")
    return FITTINGS[name]


def deserialize_fitting(data: dict[str, Any]) -> Any:
    """The fitting of a contract's tree."""
    return fitting_class(data["type"]).deserialize(data)
