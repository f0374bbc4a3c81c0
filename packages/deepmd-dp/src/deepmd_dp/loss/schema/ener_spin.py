# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `ener_spin`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd.outputs import ENERGY
from deepmd.registry import Row
from deepmd.schema.argument import not_yet, unused
from deepmd_dp.loss.arguments import check_fitted, of_potentials, prefactors

if TYPE_CHECKING:
    from dargs import Argument

TERMS = (
    ("e", "energy", 0.02, 1.0),
    ("fr", "forces on atoms", 1000, 1.0),
    ("fm", "magnetic forces", 10000, 10.0),
    ("v", "virial", 0.0, 0.0),
    ("ae", "atomic energies", 0.0, 0.0),
)


def fields() -> list[Argument]:
    """The keys of its section."""
    return [
        *(argument for term in TERMS for argument in prefactors(*term)),
        not_yet("start_pref_pf", float, default=0.0),
        not_yet("limit_pref_pf", float, default=0.0),
        unused("relative_f", [float, None], doc="deepmd-kit's loss of spins has no such errors"),
        *of_potentials(),
    ]


def check(section: dict[str, Any], where: str, type_map: list[str]) -> None:
    """Checks that something is compared."""
    from deepmd_dp.loss.ener_spin import EnergySpinLoss

    loss = EnergySpinLoss.from_input(section, 1.0, (replace(ENERGY, is_magnetic=True),))
    if not loss.label_sets:
        raise InputError(
            f"{where}: nothing is trained, since no term has both start_pref and limit_pref above 0; give one weights."
        )


def label_sets(section: dict[str, Any], model: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    """`Row.label_sets`."""
    from deepmd_dp.loss.ener_spin import EnergySpinLoss

    check_fitted(section, model)
    return EnergySpinLoss.from_input(section, 1.0, (replace(ENERGY, is_magnetic=True),)).label_sets


ROW = Row(
    name="ener_spin",
    cls="deepmd_dp.loss.ener_spin:EnergySpinLoss",
    doc="Energy, forces, virial, and magnetic forces of a model of spins.",
    fields=fields,
    check=check,
    label_sets=label_sets,
)
