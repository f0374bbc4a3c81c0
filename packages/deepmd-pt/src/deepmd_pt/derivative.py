# SPDX-License-Identifier: LGPL-3.0-or-later
"""The one derivative that torch is asked for: of the energy by the displacements."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

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
