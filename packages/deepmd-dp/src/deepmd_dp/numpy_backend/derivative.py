# SPDX-License-Identifier: LGPL-3.0-or-later
"""The one derivative that the NumPy backend needs: of the energy by the displacements."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from autograd import make_vjp

from deepmd_dp.dialect import ops
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.numpy_backend import namespace  # noqa: F401  makes the models run on traced arrays

if TYPE_CHECKING:
    from deepmd_dp.environment.environment import Environment


def energy_and_gradient(
    model: Any, env: Environment, fparam: np.ndarray | None, aparam: np.ndarray | None
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Atomic energies (nframes, nloc, 1) [eV] and g = dE/d(edge_vec), block by block [eV/Å]."""

    def atom_energy(edge_vec: tuple[Any, ...]) -> Any:
        return model(replace(env, edge_vec=tuple(edge_vec)), fparam, aparam)

    backward, energy = make_vjp(atom_energy, 0)(env.edge_vec)
    return energy, backward(np.ones_like(energy))


def _scatter_add(values: np.ndarray, index: np.ndarray, size: int) -> np.ndarray:
    """See `ops.scatter_add`."""
    nframes, _, width = values.shape
    out = np.zeros((nframes, size, width), dtype=values.dtype)
    for frame in range(nframes):
        kept = index[frame] >= 0
        np.add.at(out[frame], index[frame][kept], values[frame][kept])
    return out


ops.override("scatter_add", array_namespace(np.zeros(0)), _scatter_add)
