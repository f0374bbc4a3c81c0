# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.utils.argcheck`: the input schema, which is `deepmd.schema`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.schema import doc
from deepmd.schema import normalize as _normalize
from deepmd.schema.normalize import schema

if TYPE_CHECKING:
    from dargs import Argument


def normalize(data: dict[str, Any], multi_task: bool = False) -> dict[str, Any]:
    """`deepmd.schema.normalize`; inputs of several tasks, which this version has not, are refused by it."""
    return _normalize(data)


def gen_args(**_options: object) -> list[Argument]:
    """The arguments of the input's sections."""
    return list(schema().sub_fields.values())


def gen_doc(**_options: object) -> str:
    """The schema as reStructuredText."""
    return doc("rst")


def gen_json(**_options: object) -> str:
    """The schema in dargs' own form."""
    return doc("json")


def gen_json_schema(multi_task: bool = False) -> str:
    """The schema as JSON Schema."""
    return doc("json_schema")
