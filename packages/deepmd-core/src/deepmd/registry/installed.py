# SPDX-License-Identifier: LGPL-3.0-or-later
"""The rows of the installed packages, by name.

A row that fails to import, or whose name two packages claim, is a problem that is told when that name is asked for;
all others stay usable.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, NamedTuple

from deepmd.errors import InputError, ModelFileError, last_line
from deepmd.registry.row import Row

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deepmd.errors import DeepmdError

OURS = "deepmd-dp"
"""The package to install where there is none."""


class Found(NamedTuple):
    """What the installed packages have in one group."""

    rows: dict[str, Row]  # by name
    names: dict[str, Row]  # by any of their names
    problems: dict[str, str]  # names that can't be used, each with the reason
    packages: dict[str, str]  # distributions by the row's name


@cache
def load(group: str) -> Found:
    """The rows of a group; the packages' entry points are read once."""
    loaded, problems = [], {}
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        try:
            loaded.append((_row_of(point), _package(point)))
        # whatever a foreign package raises on import, the others must stay usable
        except Exception as error:
            problems[point.name] = f"{_package(point)} brings it but fails to import: {last_line(error)}"
    problems |= _contested(loaded, group)
    usable = [(row, package) for row, package in loaded if row.name not in problems]
    names = {name: row for row, _ in usable for name in row.names if name not in problems}
    packages = {row.name: package for row, package in usable}
    return Found({row.name: row for row, _ in usable}, names, problems, packages)


def _row_of(point: EntryPoint) -> Row:
    row = point.load()
    if not isinstance(row, Row):
        raise TypeError(f"{point.value} is a {type(row).__name__}, expected a deepmd.registry.Row")
    if row.name != point.name:
        raise ValueError(f"{point.value} is the row of {row.name!r}, but its entry point is named {point.name!r}")
    return row


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value.partition(":")[0]


def _contested(loaded: Iterable[tuple[Row, str]], group: str) -> dict[str, str]:
    """The names that more than one row claims."""
    claims: dict[str, list[str]] = {}
    for row, package in loaded:
        for name in row.names:
            claims.setdefault(name, []).append(f"{package} ({row.name})")
    return {
        name: f"several packages bring a {word_of(group)} of this name: {' and '.join(by)}; uninstall all but one"
        for name, by in claims.items()
        if len(by) > 1
    }


def word_of(group: str) -> str:
    """What a group's rows are, in a word: ``descriptor``."""
    return group.rpartition(".")[2]


def rows(group: str) -> tuple[Row, ...]:
    """The rows of a group by name, those with a refusal among them."""
    return tuple(load(group).rows.values())


def rows_of(package: str, group: str) -> tuple[Row, ...]:
    """The rows that one distribution brings."""
    found = load(group)
    return tuple(row for row in found.rows.values() if found.packages[row.name] == package)


def usable_names(group: str) -> list[str]:
    """The names of the rows without a refusal."""
    return [row.name for row in rows(group) if not row.refusal]


def problems(group: str) -> dict[str, str]:
    """The names of a group that can't be used, each with the reason."""
    return dict(load(group).problems)


def default_name(group: str) -> str:
    """The name meant where none is given; empty where there is no such rule."""
    default = [row.name for row in rows(group) if row.is_default]
    return default[0] if len(default) == 1 else ""


def lookup(group: str, name: str | None) -> Row | None:
    """The row of a name or alias, of the default one for None; None where there is none or it can't be used."""
    row = load(group).names.get(str(name) if name is not None else default_name(group))
    return None if row is None or row.refusal else row


def find(group: str, name: str, error: type[DeepmdError] = InputError) -> Row:
    """The row of a name, an alias, or a name in the contract's files.

    Raises
    ------
    error
        Where there is none, or it can't be used; says why and what there is.
    """
    row = lookup(group, name)
    if row is not None:
        return row
    word, found = word_of(group), load(group)
    usable = usable_names(group)
    if not usable:
        raise error(nothing_installed(group))
    refused = found.names.get(name)
    near = get_close_matches(name, found.names, n=1)
    unknown = f"there is no such {word}" + (f" (perhaps {near[0]!r} is meant)" if near else "")
    reason = refused.refusal if refused else found.problems.get(name, unknown)
    raise error(f"{word} {name!r}: {reason}; there are {', '.join(usable)}.")


def find_class(group: str, name: str, error: type[DeepmdError] = ModelFileError) -> type:
    """The class of a row.

    Raises
    ------
    error
        Where there is no such row, it can't be used, or its class fails to import.
    """
    row = find(group, name, error)
    try:
        return row.load_class()
    # whatever a foreign package raises on import, the user is told whose fault it is
    except Exception as reason:
        where = f"{word_of(group)} {name!r} of {load(group).packages[row.name]}"
        raise error(f"{where} is installed but fails to import: {last_line(reason)}") from reason


def nothing_installed(group: str) -> str:
    """What to say where no package brings anything in a group."""
    return f"no installed package brings a {word_of(group)}: `pip install {OURS}`."
