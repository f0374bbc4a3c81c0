# SPDX-License-Identifier: LGPL-3.0-or-later
"""Whether the data have the labels that the loss compares with: what lacks them would be trained on nothing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from deepmd.check.structure import OFTEN_MISSING
from deepmd.data.batch import label_name
from deepmd.errors import DataError

if TYPE_CHECKING:
    from deepmd.data import System

log = logging.getLogger(__name__)

LabelSets = tuple[tuple[str, ...], ...]
"""`deepmd.train.Trainer.label_sets`."""


def check_labels(systems: list[System], label_sets: LabelSets) -> None:
    """Checks the training data; says which systems lack the labels of a term.

    Raises
    ------
    DataError
        No system has the labels of a term, `OFTEN_MISSING` ones apart.
    """
    for labels in label_sets:
        if labels != OFTEN_MISSING and not any(_has(system, labels) for system in systems):
            lacking = [label for label in labels if not any(system.found[label] for system in systems)] or labels
            raise DataError(
                f"no {' and '.join(map(label_name, lacking))} in the training data ({_names(systems)}), but the loss "
                "gives weight to it; add the files or set its weights to 0."
            )
    for system in systems:
        if label_sets and not any(_has(system, labels) for labels in label_sets):
            wanted = ", ".join(dict.fromkeys(label_name(label) for labels in label_sets for label in labels))
            log.warning(
                "system %s has no label that the loss looks at (%s): nothing is learned from it; "
                "add one or leave the system out.",
                system.name,
                wanted,
            )
    say_missing_labels(systems, label_sets)


def say_missing_labels(systems: list[System], label_sets: LabelSets) -> None:
    """Logs which systems lack the labels of a term."""
    for labels in label_sets:
        lacking = [system for system in systems if not _has(system, labels)]
        if lacking:
            log.warning(
                "%d of %d systems have no %s, which is left out of the loss there: %s.",
                len(lacking),
                len(systems),
                " or no ".join(map(label_name, labels)),
                _names(lacking),
            )


def _has(system: System, labels: tuple[str, ...]) -> bool:
    return all(system.found[label] for label in labels)


def _names(systems: list[System]) -> str:
    shown = ", ".join(system.name for system in systems[:3])
    return shown if len(systems) <= 3 else f"{shown} and {len(systems) - 3} more"
