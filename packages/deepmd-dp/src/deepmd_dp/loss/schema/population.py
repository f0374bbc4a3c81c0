# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `population`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.registry import Row
from deepmd.schema.argument import POSITIVE, key, must, one_of
from deepmd_dp.loss.arguments import check_fitted, check_weights, prefactors

if TYPE_CHECKING:
    from dargs import Argument

TERMS = {
    "spin": "spins of atoms, alpha minus beta",
    "spin_total": "frames' sums of spins",
    "pop": "populations of atoms",
    "pop_alpha_total": "frames' sums of alpha",
    "pop_beta_total": "frames' sums of beta",
}
KINDS = ("smooth_mae", "mae", "rmse")
METRICS = ("smooth_mae", "mae", "mse", "rmse")


def fields() -> list[Argument]:
    """The keys of its section."""
    are_known = must(lambda given: set(given) <= set(METRICS), f"a list of some of {', '.join(METRICS)}")
    return [
        *(argument for term, of in TERMS.items() for argument in prefactors(term, of, 1.0, 1.0)),
        key(
            "loss_func",
            str,
            "What is minimised: the absolute error (`mae`), the same but squared where it is small (`smooth_mae`), or "
            "the root of the mean of squares (`rmse`).",
            default="smooth_mae",
            **one_of(*KINDS),
        ),
        key("metric", list[str], "Errors of the atoms' populations that are shown.", default=["mae"], **are_known),
        key("beta", float, "Error below which `smooth_mae` is squared [e].", default=1.0, **POSITIVE),
    ]


def check(section: dict[str, Any], where: str, type_map: list[str]) -> None:
    """Checks that something is compared."""
    check_weights(section, where, TERMS)


def label_sets(section: dict[str, Any], model: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    """`Row.label_sets`."""
    check_fitted(section, model)
    return (("atom_population",),)


ROW = Row(
    name="population",
    cls="deepmd_dp.loss.population:PopulationLoss",
    doc="Populations of atoms and their sums, of each spin and of the difference.",
    fields=fields,
    check=check,
    label_sets=label_sets,
)
