# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `hybrid`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.registry import DESCRIPTOR, Row
from deepmd.schema.argument import key, must
from deepmd.schema.choices import choices

if TYPE_CHECKING:
    from dargs import Argument


def fields() -> list[Argument]:
    """The keys of its section."""
    parts = key(
        "list",
        list,
        "The parts: descriptors with the keys that they have alone.",
        sub_variants=choices(DESCRIPTOR, "Kind of the part.", inside=True),
        repeat=True,
        fold_subdoc=True,
        **must(lambda parts: len(parts) > 0, "a list of descriptors"),
    )
    return [parts]


ROW = Row(
    name="hybrid",
    cls="deepmd_dp.descriptor.hybrid:Hybrid",
    doc="Several descriptors, one behind the other.",
    fields=fields,
    parts={"list": DESCRIPTOR},
)
