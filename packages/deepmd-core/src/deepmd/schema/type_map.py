# SPDX-License-Identifier: LGPL-3.0-or-later
"""What to say of an input without ``type_map``: the names to write, as far as the data tell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deepmd.errors import DeepmdError, InputError

if TYPE_CHECKING:
    from deepmd.aliases import Section
    from deepmd.data.source import Source


def check_type_map(config: Section) -> None:
    """Raises InputError where the section ``model`` has no ``type_map``; its message has the one to write."""
    if "type_map" not in config["model"]:
        raise InputError(f"model/type_map is missing; {_advice(config)}")


def _advice(config: Section) -> str:
    # the schema is read without NumPy
    from deepmd.data.types import read_types

    sources = _open_sources(config)
    names = list(dict.fromkeys(name for source in sources for name in source.words("type_map.raw") or ()))
    if names:
        return f'the data name their types, so write "type_map": {json.dumps(names)} into it.'
    example = 'such as "type_map": ["O", "H"]'
    if not sources:
        return f"write the names of all elements into it, {example}."
    most = max(int(read_types(source).max()) for source in sources)
    if most == 0:
        return (
            "the data have no type_map.raw either, so write the name of the element that 0 in type.raw "
            'stands for into it, such as "type_map": ["O"].'
        )
    return (
        "the data have no type_map.raw either, so write the names of the elements that the numbers 0 to "
        f"{most} in type.raw stand for into it, in this order, {example}."
    )


def _open_sources(config: Section) -> list[Source]:
    """The training data's; none where they can't be read, which is said when they are needed."""
    from deepmd.data import find_systems
    from deepmd.data.open_source import open_source

    try:
        data = config["training"]["training_data"]
        return [open_source(name) for name in find_systems(data["systems"], data.get("rglob_patterns"))]
    except (DeepmdError, LookupError, TypeError):
        return []
