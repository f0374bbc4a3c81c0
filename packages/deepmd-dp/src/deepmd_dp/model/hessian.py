# SPDX-License-Identifier: LGPL-3.0-or-later
"""Second derivatives of a model's energy by the positions: its derivative, derived once more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from deepmd_dp.dialect.array import Array, AtomParameters, Float, FrameParameters, Shaped
from deepmd_dp.dialect.array_api import array_namespace, constant, shape
from deepmd_dp.dialect.module import map_leaves, modules, with_modules
from deepmd_dp.dialect.operation import plain_forms
from deepmd_dp.model.evaluate import Outputs, Vectors, edge_vectors, evaluate, forces_of, with_edge_vectors
from deepmd_dp.nn.matrix import OnBasis

if TYPE_CHECKING:
    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.interface import Model
    from deepmd_dp.model.evaluate import Derivative

_ATOMS = 1500
"""Atoms of a frame's copies that a training derives at once: more are no faster, and take memory."""
NO_HESSIAN = "Hessians of models of spins and of `pairwise_dprc` are not there yet; forces are."


def evaluate_with_hessian(
    model: Model,
    env: Environment,
    fparam: FrameParameters,
    aparam: AtomParameters,
    derivative: Derivative,
    natoms: int,
    ncopies: int | None = None,
) -> dict[str, Float[Array, "nframes ..."]]:
    """All terms of a potential, and ``hessian`` (nframes, 3 natoms, 3 natoms) [eV/Å²], ∂²E/∂x_a∂x_b.

    A row is -∂F_a/∂x. A backward pass gives as many rows as there are copies of the frames, one of each copy: fewer
    passes are traced and compiled, and arrays of small frames are larger. Operations take their plain forms and nets
    are nets, not polynomials: what a kernel is made for is a first derivative, and a second one costs polynomials two
    figures more.

    Parameters
    ----------
    model
        Its leaves are arrays of the same library as those of `env`.
    derivative
        It is called within itself: what it gives there must be differentiable.
    natoms
        So many of the local atoms, the first ones, have rows and columns; a number also where sizes are traced.
    ncopies
        By default as many as are faster in training. They take memory, and are no faster where nothing is compiled.
    """
    plain = with_modules(model, {path: replace(each, basis=None) for path, each in modules(model, OnBasis)})
    size = 3 * natoms
    n = max(1, min(size, _ATOMS // natoms)) if ncopies is None else ncopies
    copies = copies_of(env, n)
    of_frames, of_atoms = (None if each is None else repeated(each, n) for each in (fparam, aparam))
    npasses = -(-size // n)
    choice = np.eye(npasses * n, size).reshape(npasses, n, 1, size)

    def function(edge_vec: Vectors) -> tuple[Outputs, list[Float[Array, ""]]]:
        terms = evaluate(plain, with_edge_vectors(copies, edge_vec), of_frames, of_atoms, derivative)
        xp = array_namespace(terms["force"])
        # a frame's edges enter its own forces only
        force = xp.reshape(terms["force"][:, :natoms, :], (n, -1, size))
        return terms, [xp.sum(force * constant(each, force)) for each in choice]

    with plain_forms():
        terms, gradients = derivative(function, edge_vectors(copies))
        rows = [forces_of(gradient, copies)[:, :natoms, :] for gradient in gradients]
    xp, nframes = array_namespace(rows[0]), shape(env.atype)[0]
    rows = [xp.permute_dims(xp.reshape(row, (n, nframes, size)), (1, 0, 2)) for row in rows]
    found = {name: value[:nframes, ...] for name, value in terms.items()}
    return found | {"hessian": xp.concat(rows, axis=1)[:, :size, :]}


def copies_of(env: Environment, n: int) -> Environment:
    """The frames n times, one copy of all after the other."""
    if not n > 1:
        return env
    whole: Environment = map_leaves(env, lambda _, array: repeated(array, n))
    if env.restore is None:
        return whole
    xp, copy = array_namespace(env.restore), constant(np.arange(n), env.restore)
    natoms = xp.sum(xp.ones_like(env.atype))  # a traced size would be of another type
    # of each atom its copies one after the other, since the atoms of a type stand together
    centers = tuple(xp.reshape(rows[:, None] + natoms * copy[None, :], (-1,)) for rows in env.centers)
    return replace(whole, centers=centers, restore=xp.reshape(n * env.restore[None, :] + copy[:, None], (-1,)))


def repeated(array: Shaped[Array, "nframes ..."], n: int) -> Shaped[Array, "_ ..."]:
    """An array of all copies."""
    return array_namespace(array).concat([array] * n, axis=0)
