# SPDX-License-Identifier: LGPL-3.0-or-later
"""torch's fused Adam and AdamW: the numbers of `deepmd_dp.kit.optimizer.Adam`, in one call for all parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from deepmd_dp.kit.optimizer import EPSILON, Adam
from deepmd_pt.arrays import from_numpy, to_numpy

if TYPE_CHECKING:
    Parameters = dict[str, torch.nn.Parameter]


def new_optimizer(config: dict[str, Any], parameters: Parameters) -> torch.optim.Optimizer:
    """That of the input's section ``optimizer``; its learning rate is set at each step.

    Raises
    ------
    InputError
        The optimiser is another one.
    """
    wanted = Adam.from_input(config)
    return (torch.optim.AdamW if wanted.is_decoupled else torch.optim.Adam)(
        list(parameters.values()),
        betas=(wanted.beta1, wanted.beta2),
        eps=EPSILON,
        weight_decay=wanted.weight_decay,
        fused=True,
    )


def read_moments(optimizer: torch.optim.Optimizer, parameters: Parameters) -> dict[str, np.ndarray]:
    """Copies of the optimiser's arrays, named ``<slot>/<path>``."""
    return {
        f"{slot}/{path}": to_numpy(value).copy()
        for path, parameter in parameters.items()
        for slot, value in optimizer.state.get(parameter, {}).items()
    }


def write_moments(optimizer: torch.optim.Optimizer, parameters: Parameters, moments: dict[str, np.ndarray]) -> None:
    """Puts arrays named ``<slot>/<path>`` into the optimiser; those of other parameters are passed over."""
    for name, value in moments.items():
        slot, _, path = name.partition("/")
        if path in parameters:
            # torch counts steps in floating point, other frameworks may count in integers
            number = np.asarray(value, dtype=np.float32) if slot == "step" else value
            optimizer.state[parameters[path]][slot] = from_numpy(number)
