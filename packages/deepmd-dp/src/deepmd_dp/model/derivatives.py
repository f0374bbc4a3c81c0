# SPDX-License-Identifier: LGPL-3.0-or-later
"""Forces and virials from the derivative of the energy by the displacements, in any backend."""

from __future__ import annotations

from typing import Any

from deepmd_dp.dialect import ops
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import Array
from deepmd_dp.environment.environment import Environment


def energy_terms(atom_energy: Array) -> dict[str, Array]:
    """``energy`` (nframes, 1) and ``atom_energy`` (nframes, nloc, 1) [eV]."""
    xp = array_namespace(atom_energy)
    return {"energy": xp.sum(atom_energy, axis=1), "atom_energy": atom_energy}


def force_terms(
    env: Environment, gradient: tuple[Array, ...], *, virial: bool, atomic: bool, nall: Any = None
) -> dict[str, Array]:
    """Forces, and where wanted virials, of the atoms.

    Parameters
    ----------
    gradient : tuple of Array, (nframes, nloc, nnei, 3) [eV/Å]
        g = dE/d(edge_vec), block by block. The only derivative that a backend computes.
    virial, atomic : bool
        Whether the virial and the atomic virials are wanted.
    nall : int, optional
        Number of atoms that ``env.nlist`` refers to, where it is more than the local ones: the ghosts follow them.

    Returns
    -------
    dict
        ``force`` (nframes, nall, 3): F_i = Σ_j g_ij - Σ_k g_ki [eV/Å].
        ``virial`` (nframes, 9): -Σ_ij g_ij ⊗ r_ij [eV], which is -dE/d(strain), row by row.
        ``atom_virial`` (nframes, nall, 9): the part of each edge given to its neighbor.
    """
    nall = shape(env.atype)[1] if nall is None else nall
    terms = {"force": sum(_block_force(env, block, g, nall) for block, g in enumerate(gradient))}
    if virial or atomic:
        parts = [_edge_virials(env, block, g) for block, g in enumerate(gradient)]
        xp = array_namespace(parts[0])
        terms["virial"] = sum(xp.sum(part, axis=1) for part in parts)
    if atomic:
        terms["atom_virial"] = sum(ops.scatter_add(p, _neighbors(env, block), nall) for block, p in enumerate(parts))
    return terms


def _block_force(env: Environment, block: int, gradient: Array, nall: Any) -> Array:
    """Each edge pulls its centre one way and its neighbor the other."""
    xp = array_namespace(gradient)
    nframes = shape(env.atype)[0]
    rows = xp.concat([xp.sum(gradient, axis=2), -xp.reshape(gradient, (nframes, -1, 3))], axis=1)
    return ops.scatter_add(rows, xp.concat([_centers(env), _neighbors(env, block)], axis=1), nall)


def _edge_virials(env: Environment, block: int, gradient: Array) -> Array:
    """-g ⊗ r of each edge, (nframes, nloc * nnei, 9)."""
    xp = array_namespace(gradient)
    outer = gradient[..., :, None] * env.edge_vec[block][..., None, :]
    return -xp.reshape(outer, (shape(gradient)[0], -1, 9))


def _centers(env: Environment) -> Array:
    """Indices of the local atoms, (nframes, nloc)."""
    xp = array_namespace(env.atype)
    counted = xp.cumulative_sum(xp.ones_like(env.atype), axis=1)
    return counted - 1


def _neighbors(env: Environment, block: int) -> Array:
    """Indices of the edges' neighbors, (nframes, nloc * nnei)."""
    nlist = env.nlist[block]
    return array_namespace(nlist).reshape(nlist, (shape(nlist)[0], -1))
