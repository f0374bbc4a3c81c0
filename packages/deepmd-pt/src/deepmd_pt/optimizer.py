# SPDX-License-Identifier: LGPL-3.0-or-later
"""Optimisers of the input's section ``optimizer``, with their moments under the parameters' paths."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from deepmd.errors import InputError
from deepmd_pt.arrays import from_numpy, to_numpy

_CLASSES = {"Adam": torch.optim.Adam, "AdamW": torch.optim.AdamW}


def new_optimizer(section: dict[str, Any], parameters: dict[str, torch.Tensor]) -> torch.optim.Optimizer:
    """A new optimiser; its learning rate is set at each step.

    Raises
    ------
    InputError
        The optimiser is not one of torch's that this backend offers.
    """
    kind = section.get("type", "Adam")
    if kind not in _CLASSES:
        raise InputError(f"optimizer.type {kind!r} is not supported by --pt; expected one of {', '.join(_CLASSES)}.")
    return _CLASSES[kind](
        list(parameters.values()),
        betas=(section.get("adam_beta1", 0.9), section.get("adam_beta2", 0.999)),
        weight_decay=section.get("weight_decay", 0.0),
        fused=True,
    )


def read_moments(optimizer: torch.optim.Optimizer, parameters: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """The optimiser's arrays, named ``<slot>/<path>``."""
    return {
        f"{slot}/{path}": to_numpy(value)
        for path, parameter in parameters.items()
        for slot, value in optimizer.state.get(parameter, {}).items()
    }


def write_moments(
    optimizer: torch.optim.Optimizer, parameters: dict[str, torch.Tensor], moments: dict[str, np.ndarray]
) -> None:
    """Puts arrays named ``<slot>/<path>`` into the optimiser; those of other parameters are passed over."""
    for name, value in moments.items():
        slot, _, path = name.partition("/")
        if path in parameters:
            # torch counts steps in floating point, other frameworks may count in integers
            number = np.asarray(value, dtype=np.float32) if slot == "step" else value
            optimizer.state[parameters[path]][slot] = from_numpy(number)
