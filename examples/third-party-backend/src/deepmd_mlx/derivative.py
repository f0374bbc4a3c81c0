# SPDX-License-Identifier: LGPL-3.0-or-later
"""The one derivative that MLX is asked for: of the energy by the displacements."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from deepmd_dp.dialect import ops
from deepmd_mlx import namespace

if TYPE_CHECKING:
    from deepmd_dp.environment.environment import Environment


def energy_and_gradient(
    model: Any, env: Environment, fparam: mx.array | None, aparam: mx.array | None
) -> tuple[mx.array, tuple[mx.array, ...]]:
    """Atomic energies (nframes, nloc, 1) [eV] and g = dE/d(edge_vec), block by block [eV/Å], differentiable again."""

    def atom_energy(*edge_vec: mx.array) -> mx.array:
        return model(replace(env, edge_vec=edge_vec), fparam, aparam)

    ones = mx.ones((*env.atype.shape, 1), dtype=mx.float64)
    (energy,), gradient = mx.vjp(atom_energy, list(env.edge_vec), [ones])
    return energy, tuple(gradient)


def _scatter_add(values: mx.array, index: mx.array, size: int) -> mx.array:
    """See `ops.scatter_add`; empty slots go to a row that is cut off."""
    nframes, _, width = values.shape
    rows = mx.where(index < 0, size, index)
    out = mx.zeros((nframes, size + 1, width), dtype=values.dtype)
    return out.at[mx.arange(nframes)[:, None], rows].add(values)[:, :size]


ops.override("scatter_add", namespace, _scatter_add)
