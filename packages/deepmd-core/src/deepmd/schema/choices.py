# SPDX-License-Identifier: LGPL-3.0-or-later
"""The sections whose keys the installed packages know: the choices of a ``type``, from the registry."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dargs import Argument, Variant

from deepmd import registry
from deepmd.errors import last_line
from deepmd.registry.installed import usable_names
from deepmd.schema.argument import NotYet, not_yet

if TYPE_CHECKING:
    from deepmd.registry import Row

log = logging.getLogger(__name__)


def choices(group: str, doc: str, *, inside: bool = False) -> list[Variant]:
    """The key ``type`` of a section, for `Argument`'s ``sub_variants``: a choice for each row of a group.

    Parameters
    ----------
    group : str
        `registry.DESCRIPTOR` etc.
    doc : str
        What the type says.
    inside : bool
        Whether these go into one of the same group, as a hybrid's parts do. What holds others itself is refused
        there, so that the schema ends.

    Returns
    -------
    list of Variant
        One, or none where no package brings anything.
    """
    if not usable_names(group):
        return []
    arguments = [_choice(row, group, inside) for row in registry.rows(group) if row.is_input]
    taken = {name for argument in arguments for name in (argument.name, *argument.alias)}
    problems = registry.problems(group).items()
    arguments += [not_yet(name, doc=reason) for name, reason in problems if name not in taken]
    offered = {argument.name for argument in arguments if not isinstance(argument, NotYet)}
    default = registry.default_name(group)
    default = default if default in offered else ""
    return [Variant("type", arguments, optional=bool(default), default_tag=default, doc=doc)]


def _choice(row: Row, group: str, is_inside: bool) -> Argument:
    """A row's section, or why it is not there."""
    aliases = [name for name in row.aliases if name not in registry.problems(group)]
    if row.refusal:
        return not_yet(row.name, alias=aliases, doc=row.refusal)
    if is_inside and group in row.parts.values():
        return not_yet(row.name, alias=aliases, doc="it does not go into another; list its parts there instead")
    try:
        return Argument(row.name, dict, row.fields(), alias=aliases, doc=row.doc)
    # the others must stay usable whatever a foreign package does
    except Exception as error:
        log.debug("the fields of %s", row.name, exc_info=error)
        return not_yet(row.name, alias=aliases, doc=f"its keys can't be told: {last_line(error)}")
