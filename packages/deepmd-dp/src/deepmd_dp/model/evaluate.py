# SPDX-License-Identifier: LGPL-3.0-or-later
"""All that a model gives, in any backend: values, forces, virials, from one derivative that the backend computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from deepmd_dp.dialect import ops
from deepmd_dp.dialect.array import Array, AtomParameters, Float, FrameParameters, Int, total
from deepmd_dp.dialect.array_api import array_namespace, shape

if TYPE_CHECKING:
    from deepmd.outputs import OutputDef
    from deepmd_dp.environment.environment import Environment, NeighborBlock
    from deepmd_dp.interface import Model

Vectors = tuple[Float[Array, "nframes nloc _ 3"], ...]
"""The displacements of all blocks of all lists, or derivatives by them."""
Outputs = dict[str, Float[Array, "nframes ..."]]
"""By name, of the atoms, each with its number of components; or terms made of them."""
Function = Callable[[Vectors], tuple[Outputs, Sequence[Float[Array, ""]]]]
"""Displacements to a model's outputs, and to the scalars to be derived."""


class Derivative(Protocol):
    """What a backend supplies: the derivative of scalars by the displacements."""

    def __call__(self, function: Function, edge_vec: Vectors) -> tuple[Outputs, list[Vectors]]:
        """The outputs, and for each scalar its derivatives by the displacements, zero where it depends on none."""
        ...


def evaluate(
    model: Model,
    env: Environment,
    fparam: FrameParameters,
    aparam: AtomParameters,
    derivative: Derivative | None,
    *,
    virial: bool = True,
    atomic: bool = False,
    nall: int | Int[Array, ""] | None = None,
) -> dict[str, Float[Array, "nframes ..."]]:
    """The terms of all outputs of a model by name, see `deepmd.outputs`.

    Parameters
    ----------
    model
        Its leaves are arrays of the same library as those of `env`.
    derivative
        None: without forces and virials.
    virial
        With the virials.
    atomic
        With the virials of the atoms; the values of the atoms are always given.
    nall
        Number of atoms that the lists refer to, where it is more than the local ones: the ghosts follow them.

    Returns
    -------
    dict
        The force on atom a is F_a = Σ_j g_aj - Σ_k g_ka with g = d(output)/d(edge_vec), the virial -Σ_ij g_ij ⊗ r_ij,
        which is -d(output)/d(strain), row by row. The part of each edge is given to its neighbor in the virials
        of the atoms. Sums and forces of message passing models go over all edges alike, and so do these virials:
        they depend on how the model splits its output into edges, their sum does not.
    """
    if derivative is None:
        outputs = _owned(model(env, fparam, aparam), env)
        return _value_terms(model, outputs, env)

    def function(edge_vec: Vectors) -> tuple[Outputs, list[Array]]:
        outputs = _owned(model(with_edge_vectors(env, edge_vec), fparam, aparam), env)
        return outputs, [scalar for output in _derived(model) for scalar in _scalars(outputs[output.name])]

    outputs, gradients = derivative(function, edge_vectors(env))
    terms = _value_terms(model, outputs, env)
    rest = list(gradients)
    for output in _derived(model):
        own, rest = rest[: output.ncomponents], rest[output.ncomponents :]
        parts = [_of_component(gradient, env, virial=virial, atomic=atomic, nall=nall) for gradient in own]
        terms |= _derivative_terms(output, parts, model, env)
    return terms


def edge_vectors(env: Environment) -> Vectors:
    """The displacements of an environment, block by block."""
    return tuple(block.edge_vec for block in _blocks(env))


def with_edge_vectors(env: Environment, edge_vec: Vectors) -> Environment:
    """The same environment with other displacements."""
    rest = iter(edge_vec)
    return env.map_blocks(lambda block, *_: replace(block, edge_vec=next(rest)))


def _blocks(env: Environment) -> list[NeighborBlock]:
    return [block for blocks in env.lists for block in blocks]


def _derived(model: Model) -> list[OutputDef]:
    return [output for output in model.outputs if output.has_derivative]


def _owned(outputs: dict[str, Array], env: Environment) -> dict[str, Array]:
    """The outputs of the atoms that count."""
    if env.owned is None:
        return outputs
    return {name: values * env.owned[:, :, None] for name, values in outputs.items()}


def _scalars(values: Float[Array, "nframes nloc ncomponents"]) -> list[Float[Array, ""]]:
    """Each component of an output, summed over all atoms of all frames: a frame's edges enter its own atoms only."""
    xp = array_namespace(values)
    return [xp.sum(values[:, :, k]) for k in range(values.shape[2])]


def _value_terms(model: Model, outputs: dict[str, Array], env: Environment) -> dict[str, Array]:
    terms: dict[str, Array] = {}
    for output in model.outputs:
        values = outputs[output.name]
        if output.reduction is not None:
            total = array_namespace(values).sum(values, axis=1)
            if output.reduction == "mean":
                total = total * _share(model, env, values)[:, None]
            terms[output.term_name("sum")] = total
        terms[output.term_name("atom")] = values
    return terms


def _share(model: Model, env: Environment, like: Array) -> Float[Array, "nframes"]:
    """What an atom's value counts in its frame's mean."""
    xp = array_namespace(like)
    counted = _owned({"": model.mask(env, like=like)}, env)[""]
    number = xp.sum(counted[:, :, 0], axis=1)
    one = xp.ones_like(number)
    return one / xp.where(number > 0, number, one)


def _derivative_terms(
    output: OutputDef, parts: list[dict[str, Array]], model: Model, env: Environment
) -> dict[str, Array]:
    """Forces and virials of an output, with an axis of components before the atoms where it is no scalar."""
    terms = {}
    for kind in parts[0]:
        first = parts[0][kind]
        xp = array_namespace(first)
        values = first if output.is_scalar else xp.concat([part[kind][:, None] for part in parts], axis=1)
        if output.reduction == "mean":
            share = _share(model, env, first)
            values = values * xp.reshape(share, (-1, *([1] * (len(values.shape) - 1))))
        terms[output.term_name(kind)] = values
    return terms


def _of_component(
    gradient: Vectors, env: Environment, *, virial: bool, atomic: bool, nall: int | Array | None
) -> dict[str, Array]:
    """Force (nframes, nall, 3), and where wanted virials (nframes, 9), also of the atoms (nframes, nall, 9)."""
    blocks = list(zip(_blocks(env), gradient, strict=True))
    size = shape(env.atype)[1] if nall is None else nall
    terms = {"force": total(_block_force(block, g, size, has_ghosts=nall is not None) for block, g in blocks)}
    if not virial:
        return terms
    virials = [_edge_virials(block, g) for block, g in blocks]
    xp = array_namespace(virials[0])
    terms["virial"] = total(xp.sum(each, axis=1) for each in virials)
    if atomic:
        indexed = zip(virials, blocks, strict=True)
        terms["atom_virial"] = total(ops.scatter_add(each, _flat(block), size) for each, (block, _) in indexed)
    return terms


def forces_of(gradient: Vectors, env: Environment) -> Float[Array, "nframes nloc 3"]:
    """Minus the derivative of a scalar by the positions of the atoms, of its derivatives by the displacements."""
    return _of_component(gradient, env, virial=False, atomic=False, nall=None)["force"]


def _block_force(
    block: NeighborBlock, gradient: Float[Array, "nframes nloc nnei 3"], nall: int | Int[Array, ""], *, has_ghosts: bool
) -> Float[Array, "nframes nall 3"]:
    """Each edge pulls its centre one way and its neighbor the other."""
    xp = array_namespace(gradient)
    nframes, nloc = shape(gradient)[:2]
    on_neighbors = ops.scatter_add(xp.reshape(gradient, (nframes, -1, 3)), _flat(block), nall)
    on_centers = xp.sum(gradient, axis=2)
    if not has_ghosts:
        return on_centers - on_neighbors
    return xp.concat([on_centers - on_neighbors[:, :nloc, :], -on_neighbors[:, nloc:, :]], axis=1)


def _edge_virials(
    block: NeighborBlock, gradient: Float[Array, "nframes nloc nnei 3"]
) -> Float[Array, "nframes nloc*nnei 9"]:
    """-g ⊗ r of each edge."""
    xp = array_namespace(gradient)
    outer = gradient[..., :, None] * block.edge_vec[..., None, :]
    return -xp.reshape(outer, (shape(gradient)[0], -1, 9))


def _flat(block: NeighborBlock) -> Int[Array, "nframes nedges"]:
    """Indices of the neighbors of all edges of a frame."""
    return array_namespace(block.nlist).reshape(block.nlist, (shape(block.nlist)[0], -1))
