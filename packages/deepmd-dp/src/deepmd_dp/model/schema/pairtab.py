# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `pairtab`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.registry import Row, SelKey
from deepmd.schema.argument import POSITIVE, SEL, SEL_DOC, key
from deepmd_dp.model.schema.near_atoms import refuse_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dargs import Argument


def fields() -> list[Argument]:
    """The keys of its section."""
    return [
        key(
            "tab_file",
            str,
            "File of the table: in each row a distance [Å], in equal steps, and the energies [eV] of the pairs of "
            "types 0-0, 0-1, …, 1-1, ….",
        ),
        key("rcut", float, "Cut-off [Å]; a table that ends before is continued to it.", **POSITIVE),
        key("sel", [int, list[int], str], SEL_DOC.format(form="one number, or a list whose sum counts"), **SEL),
        key("info", dict, "Notes that are kept with the model.", default={}),
    ]


def sel_keys(section: dict[str, Any]) -> Iterable[SelKey]:
    """Its neighbors, of all types together; no number changes a result."""
    return [SelKey("sel", section["rcut"], is_used=False)]


ROW = Row(
    name="pairtab",
    cls="deepmd_dp.model.pairtab:PairTabModel",
    doc="A tabulated pair potential.",
    fields=fields,
    check=refuse_table,
    sel_keys=sel_keys,
    biased_outputs=lambda section: ("energy",),
)
