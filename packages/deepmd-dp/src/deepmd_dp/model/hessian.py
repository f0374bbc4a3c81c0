# SPDX-License-Identifier: LGPL-3.0-or-later
"""Second derivatives of a model's energy by the positions: its derivative, derived once more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import modules, with_modules
from deepmd_dp.dialect.operation import plain_forms
from deepmd_dp.model.evaluate import Outputs, Vectors, edge_vectors, evaluate, forces_of, with_edge_vectors
from deepmd_dp.nn.matrix import OnBasis

if TYPE_CHECKING:
    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.interface import Model
    from deepmd_dp.model.evaluate import Derivative

NO_HESSIAN = "Hessians of models of spins and of `pairwise_dprc` are not there yet; forces are."


def evaluate_with_hessian(
    model: Model,
    env: Environment,
    fparam: Float[Array, "nframes nfparam"] | None,
    aparam: Float[Array, "nframes nloc naparam"] | None,
    derivative: Derivative,
    natoms: int,
) -> dict[str, Float[Array, "nframes ..."]]:
    """All terms of a potential, and ``hessian`` (nframes, 3 natoms, 3 natoms) [eV/Å²], ∂²E/∂x_a∂x_b.

    A backward pass for each row, -∂F_a/∂x. Operations take their plain forms and nets are nets, not polynomials: what
    a kernel is made for is a first derivative, and a second one costs polynomials two figures more.

    Parameters
    ----------
    model
        Its leaves are arrays of the same library as those of `env`.
    derivative
        It is called within itself: what it gives there must be differentiable.
    natoms
        So many of the local atoms, the first ones, have rows and columns; a number also where sizes are traced.
    """
    plain = with_modules(model, {path: replace(each, basis=None) for path, each in modules(model, OnBasis)})

    def function(edge_vec: Vectors) -> tuple[Outputs, list[Float[Array, ""]]]:
        terms = evaluate(plain, with_edge_vectors(env, edge_vec), fparam, aparam, derivative)
        force = terms["force"]
        xp = array_namespace(force)
        # a frame's edges enter its own forces only, so that all frames are derived at once
        return terms, [xp.sum(force[:, a, k]) for a in range(natoms) for k in range(3)]

    with plain_forms():
        terms, gradients = derivative(function, edge_vectors(env))
        rows = [forces_of(gradient, env)[:, :natoms, :] for gradient in gradients]
    xp = array_namespace(rows[0])
    nframes = shape(rows[0])[0]
    terms["hessian"] = xp.concat([xp.reshape(row, (nframes, 1, 3 * natoms)) for row in rows], axis=1)
    return terms
