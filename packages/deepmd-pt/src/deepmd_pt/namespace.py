# SPDX-License-Identifier: LGPL-3.0-or-later
"""The Array API on torch: array-api-compat's, with the functions that a trace must not bake sizes or devices into."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import torch
from array_api_compat.torch import *  # noqa: F403
from array_api_compat.torch import __all__  # noqa: F401

from deepmd_dp.dialect import array_api

if TYPE_CHECKING:
    import numpy as np


def take(x: torch.Tensor, indices: torch.Tensor, *, axis: int = 0) -> torch.Tensor:
    return torch.index_select(x, axis, indices)


def take_along_axis(x: torch.Tensor, indices: torch.Tensor, *, axis: int = -1) -> torch.Tensor:
    """torch.gather, since torch.take_along_dim bakes the sizes of an example into a trace."""
    return torch.gather(x, axis, indices)


def asarray(
    value: np.ndarray | float | torch.Tensor,
    *,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
    copy: bool | None = None,
) -> torch.Tensor:
    """torch.asarray, which records the device where it was traced beside a change of type: here that comes after."""
    made = torch.asarray(value, device=device, copy=copy)
    return made if dtype is None or made.dtype == dtype else made.to(dtype)


def astype(x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Without a copy where the type is that one: nothing is written in place."""
    return x.to(dtype)


def device(x: torch.Tensor) -> torch.device:
    return x.device


array_api.register_namespace(torch.Tensor, sys.modules[__name__])
