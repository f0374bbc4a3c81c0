# SPDX-License-Identifier: LGPL-3.0-or-later
"""Losses by their names in the input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd_dp.loss.ener import EnergyLoss
from deepmd_dp.loss.tensor import TensorLoss

if TYPE_CHECKING:
    from deepmd.outputs import OutputDef
    from deepmd_dp.loss.interface import Loss

LOSSES: dict[str, type[EnergyLoss] | type[TensorLoss]] = {"ener": EnergyLoss, "tensor": TensorLoss}


def new_loss(section: dict[str, Any], start_lr: float, outputs: tuple[OutputDef, ...]) -> Loss:
    """The loss of the input's section ``loss``.

    Parameters
    ----------
    section : dict
        Normalised.
    start_lr : float
        Learning rate at which the prefactors have their first values [1].
    outputs : tuple of OutputDef
        What the model gives.

    Raises
    ------
    InputError
        There is no such loss in this version, its settings contradict each other, or the model does not give what it
        compares.
    """
    name = section.get("type", "ener")
    if name not in LOSSES:
        raise InputError(f"loss {name!r} is not supported by this version; supported are {', '.join(LOSSES)}.")
    return LOSSES[name].from_input(section, start_lr, outputs)
