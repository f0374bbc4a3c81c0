# SPDX-License-Identifier: LGPL-3.0-or-later
"""The schema as a document: for people (reStructuredText) and for programs (JSON, JSON Schema)."""

from __future__ import annotations

import json
import logging

from dargs import Argument, ArgumentEncoder, Variant
from dargs.json_schema import generate_json_schema

from deepmd.errors import InputError
from deepmd.registry import DESCRIPTOR, FITTING, LOSS, MODEL, problems
from deepmd.registry.installed import nothing_installed, usable_names, word_of
from deepmd.schema.argument import acts
from deepmd.schema.normalize import schema

log = logging.getLogger(__name__)


def doc(out_type: str = "rst") -> str:
    """What an input may contain, without that which deepmd-kit has and this version has not.

    Parameters
    ----------
    out_type : str
        ``rst``, ``json`` (dargs' own form) or ``json_schema``.

    Raises
    ------
    InputError
        For another type.
    """
    _warn_of_gaps()
    if out_type == "rst":
        return "\n\n".join(section.gen_doc() for section in sections())
    if out_type == "json":
        return json.dumps(sections(), cls=ArgumentEncoder)
    if out_type == "json_schema":
        return json.dumps(generate_json_schema(_supported(schema())))
    raise InputError(f"out_type is {out_type!r}; expected rst, json or json_schema.")


def sections() -> list[Argument]:
    """The sections of an input, without that which deepmd-kit has and this version has not."""
    return list(_supported(schema()).sub_fields.values())


def _warn_of_gaps() -> None:
    """Says what a package should have brought."""
    if not usable_names(MODEL):
        log.warning("%s Their keys are missing here.", nothing_installed(MODEL))
    for group in (MODEL, DESCRIPTOR, FITTING, LOSS):
        for name, reason in problems(group).items():
            log.warning("%s %s is left out: %s.", word_of(group), name, reason)


def _supported(argument: Argument) -> Argument:
    """A copy of the argument without the parts that do not act."""
    return Argument(
        argument.name,
        argument.dtype,
        [_supported(field) for field in argument.sub_fields.values() if acts(field)],
        [_supported_variant(variant) for variant in argument.sub_variants.values()],
        optional=argument.optional,
        default=argument.default,
        alias=argument.alias,
        doc=argument.doc,
        repeat=argument.repeat,
        fold_subdoc=argument.fold_subdoc,
    )


def _supported_variant(variant: Variant) -> Variant:
    choices = [_supported(choice) for choice in variant.choice_dict.values() if acts(choice)]
    return Variant(variant.flag_name, choices, variant.optional, variant.default_tag, variant.doc)
