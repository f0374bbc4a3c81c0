# SPDX-License-Identifier: LGPL-3.0-or-later
"""Descriptors by their names in the input and in files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.errors import ModelFileError
from deepmd_dp.descriptor.se_atten import SeAtten
from deepmd_dp.descriptor.se_e2_a import SeE2A
from deepmd_dp.descriptor.se_e2_r import SeE2R

if TYPE_CHECKING:
    import numpy as np

DESCRIPTORS: dict[str, type] = {
    "se_e2_a": SeE2A,
    "se_e2_r": SeE2R,
    "se_atten": SeAtten,
    "se_atten_v2": SeAtten,
}
_ALIASES = {"se_a": "se_e2_a", "se_r": "se_e2_r", "dpa1": "se_atten"}


def descriptor_class(name: str) -> type:
    """The class of a descriptor; the input's and the files' names are both understood.

    Raises
    ------
    ModelFileError
        There is no such descriptor in this version.
    """
    key = _ALIASES.get(name, name)
    if key not in DESCRIPTORS:
        known = ", ".join(DESCRIPTORS)
        raise ModelFileError(f"descriptor {name!r} is not supported by this version; supported are {known}.")
    return DESCRIPTORS[key]


def deserialize_descriptor(data: dict[str, Any]) -> Any:
    """The descriptor of a contract's tree."""
    return descriptor_class(data["type"]).deserialize(data)


def new_descriptor(section: dict[str, Any], type_map: list[str], rng: np.random.Generator) -> Any:
    """A new descriptor of the input's section ``descriptor``."""
    return descriptor_class(section["type"]).from_input(section, type_map, rng)
