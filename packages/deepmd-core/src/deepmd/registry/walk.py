# SPDX-License-Identifier: LGPL-3.0-or-later
"""A model's section as the rows it is made of: the model, its descriptor, that one's parts, its fitting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from deepmd.errors import BackendError
from deepmd.registry.installed import lookup
from deepmd.registry.row import DESCRIPTOR, FITTING, LOSS, MODEL, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deepmd.backend import Backend

CLASSES = {"Model": MODEL, "Descriptor": DESCRIPTOR, "Fitting": FITTING}
"""Groups of the modules in a contract's tree, by their ``@class``."""


class Part(NamedTuple):
    """A section of the input and the row that says what it means."""

    row: Row
    section: dict[str, Any]
    where: str
    """Its path: ``model/descriptor/list/0``."""
    type_map: list[str] | None = None
    """The types of the model that it belongs to: a model in another one may have its own."""

    def value(self, path: str) -> Any:
        """What stands below the section: ``repinit/nsel``."""
        value: Any = self.section
        for name in path.split("/"):
            value = value[name]
        return value


def walk(group: str, section: dict[str, Any], where: str, type_map: list[str] | None = None) -> Iterator[Part]:
    """A section and all those in it, the outer ones first; `type_map` is that of what it stands in.

    Those whose type is not known are left out: the section may be as the user gave it, and the schema tells more.
    """
    row = lookup(group, section.get("type"))
    if row is None:
        return
    type_map = section.get("type_map", type_map)
    yield Part(row, section, where, type_map)
    for key, inner in row.parts.items():
        value = section.get(key)
        items = {key: value} if not isinstance(value, list) else {f"{key}/{n}": item for n, item in enumerate(value)}
        for name, item in items.items():
            if isinstance(item, dict):
                yield from walk(inner, item, f"{where}/{name}", type_map)


def check_backend(model: dict[str, Any], backend: Backend) -> None:
    """Refuses a model of the input that a backend's framework can't do.

    Raises
    ------
    BackendError
        With the reason that the row gives.
    """
    for part in walk(MODEL, model, "model"):
        _refuse_lacking(part.row, backend, f"{part.where}/type is")


def check_new(model: dict[str, Any]) -> None:
    """Refuses what no new training should have.

    Raises
    ------
    InputError
        With the reason that the row gives.
    """
    for part in walk(MODEL, model, "model"):
        if part.row.check_new is not None:
            part.row.check_new(part.section, part.where)


def spin_scales(model: dict[str, Any]) -> dict[str, float]:
    """What the rows of a model of spins say, `Row.spin_scales`; nothing of other models."""
    parts = walk(MODEL, model, "model")
    return {name: scale for part in parts for name, scale in part.row.spin_scales(part.section).items()}


def label_sets(config: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    """What the row of a normalised input's loss says, `Row.label_sets`."""
    row = lookup(LOSS, config["loss"].get("type"))
    return () if row is None else row.label_sets(config["loss"], config["model"])


def check_tree(tree: object, backend: Backend) -> None:
    """Refuses a serialized model that a backend's framework can't do.

    Raises
    ------
    BackendError
        With the reason that the row gives.
    """
    if isinstance(tree, dict) and tree.get("@class") in CLASSES and "type" in tree:
        row = lookup(CLASSES[tree["@class"]], tree["type"])
        if row is not None:
            _refuse_lacking(row, backend, f"the model has the {tree['@class'].lower()}")
    for value in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        check_tree(value, backend)


def _refuse_lacking(row: Row, backend: Backend, what: str) -> None:
    for flag in backend.flags:
        if flag in row.lacks:
            raise BackendError(f"{what} {row.name!r}: not with {backend.name}: {row.lacks[flag]}.")
