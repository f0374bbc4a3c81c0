# SPDX-License-Identifier: LGPL-3.0-or-later
"""The modules of deepmd-dp as JAX's trees: arrays are leaves, settings belong to the structure."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

import jax

from deepmd_dp.dialect.module import Module

if TYPE_CHECKING:
    from collections.abc import Iterator

_registered: set[type[Module]] = set()


def register_modules() -> None:
    """Makes trees of all module classes that there are by now; a class is registered once."""
    for cls in _subclasses(Module):
        if is_dataclass(cls) and cls not in _registered:
            _registered.add(cls)
            static = [f.name for f in fields(cls) if "static" in f.metadata]
            data = [f.name for f in fields(cls) if f.name not in static]
            jax.tree_util.register_dataclass(cls, data, static)


def _subclasses(cls: type[Module]) -> Iterator[type[Module]]:
    for each in cls.__subclasses__():
        yield each
        yield from _subclasses(each)
