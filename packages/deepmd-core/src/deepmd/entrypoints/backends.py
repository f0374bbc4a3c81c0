# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp backends`: lists the installed backends, and why the broken ones do not work."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from deepmd.backend.backend import Backend
from deepmd.backend.discovery import broken_backends, installed_backends
from deepmd.errors import BackendError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

HEAD = ("flag", "backend", "package", "framework", "files", "abilities")
ABILITIES = {
    Backend.Feature.ENTRY_POINT: "train",
    Backend.Feature.DEEP_EVAL: "infer",
    Backend.Feature.NEIGHBOR_STAT: "neighbor-stat",
    Backend.Feature.IO: "convert",
}


def run(args: Namespace) -> None:
    """Prints one row per registered backend; with ``args.check`` each framework is imported."""
    rows = [_row(flag, backend, args.check) for flag, backend in installed_backends().items()]
    rows += [(flag, "broken", "", "", "", reason) for flag, reason in broken_backends().items()]
    if not rows:
        print("No backend is installed: `pip install deepmd-pt` gives one that trains.")
        return
    print_table(HEAD, rows)


def _row(flag: str, backend: Backend, check: bool) -> tuple[str, ...]:
    companions = [suffix for suffixes in backend.companion_suffixes.values() for suffix in suffixes]
    files = (*backend.suffixes, backend.checkpoint_suffix or "", *companions)
    return (
        flag,
        backend.name,
        f"{backend.distribution} {_package_version(backend)}",
        f"{backend.framework} {backend.framework_version() or 'missing'}",
        " ".join(dict.fromkeys(filter(None, files))),
        _problem(backend, check) or ", ".join(word for bit, word in ABILITIES.items() if bit in backend.features),
    )


def _package_version(backend: Backend) -> str:
    try:
        return version(backend.distribution)
    except PackageNotFoundError:
        return "?"


def _problem(backend: Backend, check: bool) -> str | None:
    """Why the backend does not work, as far as that is known."""
    if backend.is_available() and not check:
        return None
    try:
        backend.import_framework()
    except BackendError as error:
        return f"broken: {error}"
    return None


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table with rules on a terminal, aligned columns elsewhere."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table(*head)
        for row in rows:
            table.add_row(*row)
        Console().print(table)
        return
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
