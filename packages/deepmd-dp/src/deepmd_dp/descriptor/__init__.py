# SPDX-License-Identifier: LGPL-3.0-or-later
"""Descriptors by their names in the input and in files; what they are is registered in pyproject.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from deepmd.registry import DESCRIPTOR, find_class

if TYPE_CHECKING:
    import numpy as np

    from deepmd_dp.interface import Descriptor, DescriptorClass


def descriptor_class(name: str) -> DescriptorClass:
    """The class of a descriptor; the input's and the files' names are both understood.

    Raises
    ------
    ModelFileError
        There is no such descriptor.
    """
    return cast("DescriptorClass", find_class(DESCRIPTOR, name))


def deserialize_descriptor(data: dict[str, Any]) -> Descriptor:
    """The descriptor of a contract's tree."""
    return descriptor_class(data["type"]).deserialize(data)


def new_descriptor(section: dict[str, Any], type_map: list[str], rng: np.random.Generator) -> Descriptor:
    """A new descriptor of the input's section ``descriptor``."""
    return descriptor_class(section["type"]).from_input(section, type_map, rng)
