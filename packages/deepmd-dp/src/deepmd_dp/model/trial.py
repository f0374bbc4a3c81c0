# SPDX-License-Identifier: LGPL-3.0-or-later
"""A model that was read, tried once on atoms without neighbors: whether its parts fit each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd.errors import ModelFileError
from deepmd_dp.environment.builder import build_environment

if TYPE_CHECKING:
    from deepmd_dp.interface import Model

_SPACING = 2.5
"""Distance of two atoms, in cut-offs."""


def check_parts(model: Model) -> None:
    """Raises where a model of NumPy arrays cannot be evaluated: widths that differ, types that are not there.

    Raises
    ------
    ModelFileError
        It gives other outputs than it says.
    IndexError, TypeError, ValueError, ...
        What NumPy raises on the way.
    """
    ntypes = model.ntypes
    coord = np.zeros((1, ntypes, 3))
    coord[0, :, 0] = _SPACING * model.rcut * np.arange(ntypes)
    fparam = np.zeros((1, model.dim_fparam)) if model.dim_fparam else None
    aparam = np.zeros((1, ntypes, model.dim_aparam)) if model.dim_aparam else None
    with np.errstate(all="ignore"):  # numbers are checked where they are results
        env = build_environment(model, coord, None, np.arange(ntypes)[None])
        outputs = model(env, fparam, aparam)
        if fparam is not None and model.default_fparam is not None:
            model(env, None, aparam)
    for output in model.outputs:
        found, expected = np.shape(outputs[output.name]), (1, ntypes, output.ncomponents)
        if found != expected:
            raise ModelFileError(f"the model gives {output.name} of shape {found}; expected {expected}: damaged.")
