# SPDX-License-Identifier: LGPL-3.0-or-later
"""Losses by their names in the input; what they are is registered in pyproject.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from deepmd.errors import InputError
from deepmd.registry import LOSS, default_name, find_class

if TYPE_CHECKING:
    from deepmd.outputs import OutputDef
    from deepmd_dp.loss.interface import Loss, LossClass


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
        There is no such loss, its settings contradict each other, or the model does not give what it compares.
    """
    name = section.get("type", default_name(LOSS))
    found = cast("LossClass", find_class(LOSS, name, InputError))
    return found.from_input(section, start_lr, outputs)
