# SPDX-License-Identifier: LGPL-3.0-or-later
"""Hessians of any model file: in NumPy, since a frozen graph gives nothing from inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd.charge_spin import CHARGE_SPIN
from deepmd.errors import InputError
from deepmd_dp.dialect.array import Float
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.environment.charge_spin import with_charge_spin
from deepmd_dp.model.hessian import NO_HESSIAN, evaluate_with_hessian
from deepmd_dp.numpy_backend.derivative import derivative

if TYPE_CHECKING:
    from deepmd_dp.environment.expansion import Frames
    from deepmd_dp.interface import Model


def hessian(
    model: Model,
    frames: Frames,
    fparam: Float[np.ndarray, "nframes nfparam"] | None,
) -> Float[np.ndarray, "nframes ncomponents ncomponents"]:
    """Second derivatives of the energy of a model of NumPy arrays by the positions [eV/Å²].

    Raises
    ------
    InputError
        The model is one of spins, or `pairwise_dprc`.
    """
    if model.expansion is not None:
        raise InputError(NO_HESSIAN)
    env = build_environment(model, frames.coord, frames.box, frames.atype)
    env = with_charge_spin(env, frames.inputs.get(CHARGE_SPIN))
    with np.errstate(all="ignore"):
        natoms, aparam = frames.atype.shape[1], frames.inputs["aparam"]
        found = evaluate_with_hessian(model, env, fparam, aparam, derivative, natoms, ncopies=1)
    return np.asarray(found["hessian"])
