# SPDX-License-Identifier: LGPL-3.0-or-later
"""The one derivative that torch is asked for: of the energy by the displacements."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from deepmd_dp.dialect import ops
from deepmd_pt import namespace

if TYPE_CHECKING:
    from deepmd_dp.environment.environment import Environment


def energy_and_gradient(
    model: Any,
    env: Environment,
    fparam: torch.Tensor | None,
    aparam: torch.Tensor | None,
    *,
    create_graph: bool = False,
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """Atomic energies (nframes, nloc, 1) [eV] and g = dE/d(edge_vec), block by block [eV/Å].

    With `create_graph` both can be differentiated again, as the loss of the forces needs it.
    """
    edge_vec = tuple(vec.detach().requires_grad_() for vec in env.edge_vec)
    energy = model(replace(env, edge_vec=edge_vec), fparam, aparam)
    gradient = torch.autograd.grad(energy.sum(), edge_vec, create_graph=create_graph)
    return (energy if create_graph else energy.detach()), gradient


def _scatter_add(values: torch.Tensor, index: torch.Tensor, size: int) -> torch.Tensor:
    """See `ops.scatter_add`; empty slots go to a row that is cut off."""
    nframes, _, width = values.shape
    rows = torch.where(index < 0, size, index)
    out = values.new_zeros((nframes, size + 1, width))
    return out.scatter_add(1, rows[:, :, None].expand(-1, -1, width), values)[:, :size]


ops.override("scatter_add", namespace, _scatter_add)
