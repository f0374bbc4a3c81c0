# SPDX-License-Identifier: LGPL-3.0-or-later
"""A model's section as the rows it is made of: the model, its descriptor, that one's parts, its fitting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from deepmd.errors import BackendError
from deepmd.registry.installed import lookup
from deepmd.registry.row import MODEL, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deepmd.backend import Backend


class Part(NamedTuple):
    """A section of the input and the row that says what it means."""

    row: Row
    section: dict[str, Any]
    where: str
    """Its path: ``model/descriptor/list/0``."""


def walk(group: str, section: dict[str, Any], where: str) -> Iterator[Part]:
    """A section and all those in it, the outer ones first.

    Those whose type is not known are left out: the section may be as the user gave it, and the schema tells more.
    """
    row = lookup(group, section.get("type"))
    if row is None:
        return
    yield Part(row, section, where)
    for key, inner in row.parts.items():
        value = section.get(key)
        several = isinstance(value, list)
        for number, item in enumerate(value if several else [value]):
            if isinstance(item, dict):
                yield from walk(inner, item, f"{where}/{key}/{number}" if several else f"{where}/{key}")


def check_backend(model: dict[str, Any], backend: Backend) -> None:
    """Refuses a model of the input that a backend's framework can't do.

    Raises
    ------
    BackendError
        With the reason that the row gives.
    """
    for part in walk(MODEL, model, "model"):
        for flag in backend.flags:
            if flag in part.row.lacks:
                raise BackendError(
                    f"{part.where}/type is {part.row.name!r}: not with {backend.name}: {part.row.lacks[flag]}."
                )
