# SPDX-License-Identifier: LGPL-3.0-or-later
"""Hessians of any model file: in NumPy, since a frozen graph gives nothing from inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd.errors import InputError
from deepmd_dp.dialect.array import Float, Int
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.environment.charge_spin import with_charge_spin
from deepmd_dp.model.hessian import NO_HESSIAN, evaluate_with_hessian
from deepmd_dp.numpy_backend.derivative import derivative

if TYPE_CHECKING:
    from deepmd_dp.interface import Model


def hessian(
    model: Model,
    coords: Float[np.ndarray, "nframes natoms 3"],
    cells: Float[np.ndarray, "nframes 3 3"] | None,
    atom_types: Int[np.ndarray, "nframes natoms"],
    fparam: Float[np.ndarray, "nframes nfparam"] | None,
    aparam: Float[np.ndarray, "nframes natoms naparam"] | None,
    charge_spin: Float[np.ndarray, "nframes 2"] | None = None,
) -> Float[np.ndarray, "nframes ncomponents ncomponents"]:
    """Second derivatives of the energy of a model of NumPy arrays by the positions [eV/Å²].

    Raises
    ------
    InputError
        The model is one of spins, or `pairwise_dprc`.
    """
    if model.expansion is not None:
        raise InputError(NO_HESSIAN)
    env = with_charge_spin(build_environment(model, coords, cells, atom_types), charge_spin)
    with np.errstate(all="ignore"):
        found = evaluate_with_hessian(model, env, fparam, aparam, derivative, atom_types.shape[1])
    return np.asarray(found["hessian"])
