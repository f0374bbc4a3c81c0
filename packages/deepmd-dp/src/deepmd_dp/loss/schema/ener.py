# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `ener`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd.outputs import ENERGY
from deepmd.registry import Row
from deepmd.schema.argument import NOT_NEGATIVE, key, must
from deepmd_dp.loss.arguments import check_fitted, of_potentials, prefactors

if TYPE_CHECKING:
    from dargs import Argument

log = logging.getLogger(__name__)

TERMS = (
    ("e", "energy", 0.02, 1.0),
    ("f", "forces", 1000, 1.0),
    ("v", "virial", 0.0, 0.0),
    ("ae", "atomic energies", 0.0, 0.0),
    ("pf", "forces weighted by `atom_pref`", 0.0, 0.0),
    ("gf", "generalised forces, by `drdq`", 0.0, 0.0),
    ("h", "Hessian", 0.0, 0.0),
)


def fields() -> list[Argument]:
    """The keys of its section."""
    return [
        *(argument for term in TERMS for argument in prefactors(*term)),
        key("numb_generalized_coord", int, "Number of generalised coordinates in `drdq`.", default=0, **NOT_NEGATIVE),
        key("use_default_pf", bool, "Whether `atom_pref` is 1 in data without it.", default=False),
        key("relative_f", [float, None], "Errors of forces are divided by their size plus this [eV/Å].", optional=True),
        key("use_huber", bool, "Whether large errors count linearly.", default=False),
        key("f_use_norm", bool, "Whether a force's error is the length of the difference.", default=False),
        key(
            "huber_delta",
            [float, list[float]],
            "Error from which on it counts linearly; a list gives it for energy, forces and virial.",
            default=0.01,
            **must(lambda value: not isinstance(value, list) or len(value) == 3, "a number or a list of three"),
        ),
        *of_potentials(),
    ]


def check(section: dict[str, Any], where: str, type_map: list[str]) -> None:
    """Checks that something is compared and that its settings go together; says which weights have no effect."""
    from deepmd_dp.loss.ener import EnergyLoss

    # a loss checks itself when it is made
    EnergyLoss.from_input(section, 1.0, (ENERGY,))
    weights = {term: (section[f"start_pref_{term}"], section[f"limit_pref_{term}"]) for term, *_ in TERMS}
    of_hessian = weights.pop("h")  # counts where one of the two does
    if not any(all(pair) for pair in weights.values()) and not any(of_hessian):
        raise InputError(
            f"{where}: nothing is trained, since no term has both start_pref and limit_pref above 0; give one weights."
        )
    for term, (start, limit) in weights.items():
        if bool(start) != bool(limit):
            log.warning(
                "%s: start_pref_%s is %g and limit_pref_%s is %g: where one is 0 the term is left out, as in "
                "deepmd-kit; give it a small number instead.",
                where,
                term,
                start,
                term,
                limit,
            )


def label_sets(section: dict[str, Any], model: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    """`Row.label_sets`."""
    from deepmd_dp.loss.ener import EnergyLoss

    check_fitted(section, model)
    if model.get("spin") is not None:
        log.warning(
            "loss/type is 'ener': the magnetic forces of the spins are not trained on; take 'ener_spin', with "
            "start_pref_fr and start_pref_fm in the place of start_pref_f, if the data have force_mag."
        )
    return EnergyLoss.from_input(section, 1.0, (ENERGY,)).label_sets


ROW = Row(
    name="ener",
    aliases=("ener_hess",),
    cls="deepmd_dp.loss.ener:EnergyLoss",
    doc="Energy, forces, virial.",
    fields=fields,
    check=check,
    label_sets=label_sets,
    is_default=True,
)
