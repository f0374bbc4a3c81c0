# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `tensor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd.registry import Row
from deepmd.schema.argument import NOT_NEGATIVE, key
from deepmd_dp.loss.arguments import check_fitted

if TYPE_CHECKING:
    from dargs import Argument


OUTPUTS = {"dipole": "dipole", "polar": "polarizability"}
"""What our fittings give."""


def fields() -> list[Argument]:
    """The keys of its section."""
    return [
        key("pref", float, "Weight of the frame's tensor, the sum over its atoms.", **NOT_NEGATIVE),
        key("pref_atomic", float, "Weight of the atoms' tensors.", **NOT_NEGATIVE),
        key("enable_atomic_weight", bool, "Whether `atomic_weight` weights the atoms' errors.", default=False),
    ]


def check(section: dict[str, Any], where: str, type_map: list[str]) -> None:
    """Checks that something is compared."""
    if section["pref"] == 0 and section["pref_atomic"] == 0:
        raise InputError(f"{where}: pref and pref_atomic are both 0; give at least one a weight.")


def label_sets(section: dict[str, Any], model: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    """`Row.label_sets`."""
    check_fitted(section, model)
    name = OUTPUTS.get(model.get("fitting_net", {}).get("type"))
    if name is None:  # known when the model is made
        return ()
    of_prefs = {"pref": (name,), "pref_atomic": (f"atom_{name}",)}
    return tuple(labels for key, labels in of_prefs.items() if section[key])


ROW = Row(
    name="tensor",
    cls="deepmd_dp.loss.tensor:TensorLoss",
    doc="A tensor such as the dipole: of frames, of atoms, or both.",
    fields=fields,
    check=check,
    label_sets=label_sets,
)
