# SPDX-License-Identifier: LGPL-3.0-or-later
"""The keys that losses share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd.schema.argument import NOT_NEGATIVE, key, one_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dargs import Argument

LOSSES = {
    "ener": ("ener", "ener_spin"),
    **dict.fromkeys(("dipole", "polar"), ("tensor",)),
    **{name: (name,) for name in ("dos", "property", "population")},
}
"""Of our fittings: the losses that compare what they give, the last where atoms have spins."""


def prefactors(term: str, of: str, start: float, limit: float) -> list[Argument]:
    """The weight of a term at the first step and in the limit of a vanishing learning rate."""
    between = "in between it follows the learning rate"
    return [
        key(f"start_pref_{term}", float, f"Weight of the {of} at the start; {between}.", default=start, **NOT_NEGATIVE),
        key(f"limit_pref_{term}", float, f"Weight of the {of} in the end.", default=limit, **NOT_NEGATIVE),
    ]


def of_potentials() -> list[Argument]:
    """How losses of potentials weight and count errors."""
    return [
        key("enable_atom_ener_coeff", bool, "Whether `atom_ener_coeff` weights the atomic energies.", default=False),
        key("loss_func", str, "Squared (`mse`) or absolute (`mae`) errors.", default="mse", **one_of("mse", "mae")),
        key(
            "intensive_ener_virial",
            bool,
            "Whether energy and virial enter per atom: squared errors over natoms**2 instead of natoms.",
            default=False,
        ),
    ]


def check_weights(section: dict[str, Any], where: str, terms: Iterable[str]) -> None:
    """Checks that something is trained."""
    if not any(section[f"{end}_pref_{term}"] for term in terms for end in ("start", "limit")):
        raise InputError(f"{where}: nothing is trained, since all weights are 0; give one a weight.")


def check_fitted(section: dict[str, Any], model: dict[str, Any]) -> None:
    """Raises InputError where a loss compares something else than what the model's fitting gives.

    Fittings of others go with any loss: what they give is told by the model only.
    """
    fitted = model.get("fitting_net", {}).get("type")
    wanted = LOSSES.get(fitted, ())
    if wanted and section["type"] not in wanted:
        name = wanted[-1] if model.get("spin") else wanted[0]
        raise InputError(f"loss/type is {section['type']!r}, but model/fitting_net/type is {fitted!r}; take {name!r}.")
    if section["type"] == "ener_spin" and model.get("spin") is None:
        raise InputError("loss/type is 'ener_spin', but the model takes no spins; add model/spin, or take 'ener'.")
