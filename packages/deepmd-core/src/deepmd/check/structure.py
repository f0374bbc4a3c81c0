# SPDX-License-Identifier: LGPL-3.0-or-later
"""What lies beside the numbers: labels, boundaries, names of types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.check.finding import Finding, some_names
from deepmd.data.batch import file_names, label_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deepmd.data import System

INPUTS = {"coord", "box", "real_atom_types", "numb_copy", "fparam", "aparam", "spin", "charge_spin"}
"""Items that are no labels."""
OFTEN_MISSING = ("virial",)
"""Labels that inputs give weight to by habit, examples of deepmd-kit among them, whose data have none."""


def boundaries(systems: list[System]) -> Iterator[Finding]:
    """Says where some systems are periodic and some are not."""
    open_ones = [system.name for system in systems if not system.pbc]
    periodic = [system.name for system in systems if system.pbc]
    if open_ones and periodic:
        yield Finding(
            "boundaries",
            f"{len(open_ones)} of {len(systems)} systems have open boundaries ("
            f"{some_names(open_ones)}), the others are periodic ({some_names(periodic)}): right for "
            "molecules and isolated atoms beside condensed matter, else a file nopbc (in extxyz pbc) is wrong.",
        )


def unnamed_types(systems: list[System], names: list[str] | None) -> Iterator[Finding]:
    """Says which systems lack ``type_map.raw``, and what is taken instead."""
    lacking = [system.name for system in systems if not system.source.has("type_map.raw")]
    if lacking:
        taken = f"the model's order is taken ({' '.join(names)})" if names else "the elements are unknown"
        yield Finding(
            "names",
            f"{len(lacking)} of {len(systems)} systems have no type_map.raw ({some_names(lacking)}), so "
            f"that {taken}: write the elements' names into it, in the order of the numbers in type.raw.",
        )


def labels(systems: list[System]) -> Iterator[Finding]:
    """Says which systems lack labels that others have, or have none."""
    bare = [system.name for system in systems if not system.items() - INPUTS]
    if bare:
        yield Finding(
            "labels",
            f"{len(bare)} of {len(systems)} systems have no labels ({some_names(bare)}): energy, "
            "force or others were not written.",
        )
    labelled = [system for system in systems if system.items() - INPUTS]
    for label in ("energy", "force"):
        lacking = [system.name for system in labelled if not system.has_label(label)]
        if 0 < len(lacking) < len(labelled):
            yield Finding(
                "labels",
                f"{len(lacking)} of {len(systems)} systems have no {label} ({some_names(lacking)}), which "
                "others have: it is left out of the loss there.",
            )


def wanted_labels(systems: list[System], label_sets: tuple[tuple[str, ...], ...]) -> Iterator[Finding]:
    """Says which labels the loss of an input weighs and no system has."""
    for labels in label_sets:
        if systems and not any(all(_has(system, label) for label in labels) for system in systems):
            lacking = [label for label in labels if not any(_has(system, label) for system in systems)] or labels
            yield Finding(
                "labels",
                f"the loss weighs {' and '.join(map(label_name, lacking))}, and no system has it: add the files, or "
                "set its weights to 0.",
                is_error=labels != OFTEN_MISSING,
            )


def _has(system: System, label: str) -> bool:
    return any(name in system.items() for name in file_names(label))
