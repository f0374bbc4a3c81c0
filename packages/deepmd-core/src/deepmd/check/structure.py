# SPDX-License-Identifier: LGPL-3.0-or-later
"""What lies beside the numbers: labels, boundaries, names of types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.check.finding import Finding, some_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deepmd.aliases import Section
    from deepmd.data import System

INPUTS = {"coord", "box", "real_atom_types", "numb_copy", "fparam", "aparam", "spin", "charge_spin"}
"""Items that are no labels."""
WEIGHTS = {"e": ("energy", 0.02, 1.0), "f": ("force", 1000.0, 1.0), "v": ("virial", 0.0, 0.0)}
"""Of the terms of the loss `ener`: their labels, and the defaults of ``start_pref_`` and ``limit_pref_``."""


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


def wanted_labels(systems: list[System], loss: Section) -> Iterator[Finding]:
    """Says which labels the loss of an input weighs and no system has."""
    if loss.get("type", "ener") != "ener":
        return
    for letter, (label, *defaults) in WEIGHTS.items():
        keys = f"start_pref_{letter}", f"limit_pref_{letter}"
        weights = [loss.get(key, default) for key, default in zip(keys, defaults, strict=True)]
        if any(weights) and systems and not any(label in system.items() for system in systems):
            yield Finding(
                "labels",
                f"the loss weighs {label} (start_pref_{letter} {weights[0]:g}, limit_pref_{letter} "
                f"{weights[1]:g}), and no system has it: add the files, or set the weights to 0.",
                True,
            )
