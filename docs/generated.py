# SPDX-License-Identifier: LGPL-3.0-or-later
"""Parts of pages that are made from the packages' own tables when the site is built, so that they cannot go stale."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from dargs import Argument

from deepmd import registry
from deepmd.commands import COMMANDS, NOT_YET, Flag, Refused
from deepmd.schema.argument import NotYet, acts
from deepmd.schema.normalize import schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KINDS = {
    registry.DESCRIPTOR: "descriptors",
    registry.FITTING: "fittings",
    registry.LOSS: "losses",
    registry.MODEL: "kinds of models",
}


def not_yet() -> str:
    """What deepmd-kit has and this version refuses by name, as a Markdown table."""
    rows = [(kind, [row.name for row in registry.rows(group) if row.refusal]) for group, kind in KINDS.items()]
    rows += [("optimizers", missing_choices(schema().sub_fields["optimizer"]))]
    rows += [("keys of the input", sorted(set(missing_keys(schema(), "")))), ("commands", list(NOT_YET))]
    rows += [("flags", list(missing_flags()))]
    lines = [f"| {kind} | {', '.join(f'`{name}`' for name in names)} |" for kind, names in rows if names]
    return "\n".join(["| | not in this version |", "|---|---|", *lines])


def missing_choices(argument: Argument) -> list[str]:
    """Names of the choices of its type that are not there."""
    choices = [choice for variant in argument.sub_variants.values() for choice in variant.choice_dict.values()]
    return [choice.name for choice in choices if isinstance(choice, NotYet)]


def missing_keys(argument: Argument, path: str) -> Iterator[str]:
    """Paths of the keys below an argument that are not there, choices of a type left out."""
    variants = argument.sub_variants.values()
    choices: Iterable[Argument] = [choice for variant in variants for choice in variant.choice_dict.values()]
    for field in argument.sub_fields.values():
        if isinstance(field, NotYet):
            yield path + field.name
        elif acts(field):
            yield from missing_keys(field, f"{path}{field.name}/")
    for choice in choices:
        if acts(choice):
            yield from missing_keys(choice, path)


def missing_flags() -> Iterator[str]:
    """Flags that are refused, with their commands."""
    for name, command in COMMANDS.items():
        groups = [(item,) if isinstance(item, Flag) else item for item in command.flags]
        for flag in itertools.chain.from_iterable(groups):
            if flag.options.get("action") is Refused:
                yield f"dp {name} {flag.names[0]}"


PARTS = {"not_yet": not_yet}
