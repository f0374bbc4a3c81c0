# SPDX-License-Identifier: LGPL-3.0-or-later
"""The one derivative that JAX is asked for: of the energy by the displacements."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

if TYPE_CHECKING:
    from deepmd_dp.environment.environment import Environment


def energy_and_gradient(
    model: Any, env: Environment, fparam: jax.Array | None, aparam: jax.Array | None
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    """Atomic energies (nframes, nloc, 1) [eV] and g = dE/d(edge_vec), block by block [eV/Å]; to be traced."""

    def atom_energy(edge_vec: tuple[jax.Array, ...]) -> jax.Array:
        return model(replace(env, edge_vec=edge_vec), fparam, aparam)

    energy, backward = jax.vjp(atom_energy, env.edge_vec)
    (gradient,) = backward(jnp.ones_like(energy))
    return energy, gradient
