# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `dos`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.registry import Row
from deepmd_dp.loss.arguments import check_fitted, check_weights, prefactors

if TYPE_CHECKING:
    from dargs import Argument

TERMS = (
    ("dos", "density of states of frames", 0.0, 0.0),
    ("cdf", "integrated density of states of frames", 0.0, 0.0),
    ("ados", "density of states of atoms", 1.0, 1.0),
    ("acdf", "integrated density of states of atoms", 0.0, 0.0),
)


def fields() -> list[Argument]:
    """The keys of its section."""
    return [argument for term in TERMS for argument in prefactors(*term)]


def check(section: dict[str, Any], where: str, type_map: list[str]) -> None:
    """Checks that something is compared."""
    check_weights(section, where, (term for term, *_ in TERMS))


def label_sets(section: dict[str, Any], model: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    """`Row.label_sets`."""
    check_fitted(section, model)
    labels = {"dos": "dos", "cdf": "dos", "ados": "atom_dos", "acdf": "atom_dos"}
    used = [label for term, label in labels.items() if section[f"start_pref_{term}"] or section[f"limit_pref_{term}"]]
    return tuple((label,) for label in dict.fromkeys(used))


ROW = Row(
    name="dos",
    cls="deepmd_dp.loss.dos:DosLoss",
    doc="Density of states: of frames, of atoms, and their integrals.",
    fields=fields,
    check=check,
    label_sets=label_sets,
)
