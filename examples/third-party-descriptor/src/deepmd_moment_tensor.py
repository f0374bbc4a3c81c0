# SPDX-License-Identifier: LGPL-3.0-or-later
"""Moment tensors as a descriptor of Deep Potential models; this one file is all that the wheel has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.contract import check_class, take_array
from deepmd.registry import Row
from deepmd.schema.argument import POSITIVE, key, precision, seed
from deepmd_dp.descriptor.arguments import (
    check_environment,
    check_sel_by_type,
    environment,
    sel_by_type,
    sel_of_each_type,
)
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import Module, module
from deepmd_dp.dialect.precision import numpy_dtype, precision_name
from deepmd_dp.dialect.settings import read_settings, setting, write_settings
from deepmd_dp.environment.environment_matrix import Edges, EnvironmentMatrix
from deepmd_dp.interface import Description

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from dargs import Argument

    from deepmd_dp.dialect.array import Array
    from deepmd_dp.environment.environment import Environment, ListSpec

RANKS = (0, 1, 2, 3)
NINVARIANTS = 10


@module
class MomentTensor(Module):
    r"""Invariants of the moment tensors of an atom's neighbors, up to five bodies at once.

    With u_ij the unit vector to neighbor j, for each rank ν = 0 … 3 and channel c

        M_νc = N^-1/2 Σ_j f_νc(r_ij; z_i, z_j) u_ij ⊗ … ⊗ u_ij  (ν times),
        f_νc(r; z_i, z_j) = s(r) Σ_k w[z_i, z_j, k, ν, c] T_k(2 r / r_c - 1),

    where s is the environment matrix's switched inverse distance, divided by its deviation in the data, T_k are
    Chebyshev polynomials and N = sum(sel). Of each channel's tensors these contractions are the description:

    ====== ==============================================
    bodies
    ====== ==============================================
    2      M0
    3      M1·M1, M2:M2, M3⋮M3
    4      M1·M2·M1, tr M2³, (M3:M2)·M1
    5      |M2·M1|², |M3:M2|², M3⋮(M1⊗M1⊗M1)
    ====== ==============================================

    No net is evaluated for an edge: what is trained multiplies moments that only depend on the positions. M1 is the
    equivariant part.

    Attributes
    ----------
    weights : Array, (ntypes, ntypes * radial, 4 * channels)
        w by the centre's type, the neighbor's type and k, ν and c.

    References
    ----------
    Shapeev, Multiscale Model. Simul. 14, 1153 (2016) (arXiv:1512.06054), eqs. 3.2 and 3.3.
    """

    weights: Array
    matrix: EnvironmentMatrix
    channels: int = setting()
    radial: int = setting()
    precision: str = setting(default="float64", read=precision_name)
    trainable: bool = setting(default=True)
    type_map: tuple[str, ...] = setting(default=())

    mixed_types = False
    uses_type_index = False
    messages = ()

    @property
    def dim_out(self) -> int:
        """Width of the invariant part."""
        return NINVARIANTS * self.channels

    @property
    def dim_equivariant(self) -> int:
        """Number of vectors in the equivariant part."""
        return self.channels

    @property
    def capacities(self) -> dict[ListSpec, tuple[int, ...]]:
        """One list, by type."""
        return {self.matrix.spec: self.matrix.sel}

    def numbers_per_atom(self, nnei: Mapping[ListSpec, int]) -> int:
        """Polynomials and products of unit vectors, for each neighbor."""
        return nnei[self.matrix.spec] * (self.radial + sum(3**rank for rank in RANKS))

    def __call__(self, env: Environment) -> Description:
        """The description of the local atoms."""
        moments = self._moments(env)
        xp = array_namespace(moments[0])
        size = shape(env.atype)
        invariant = xp.concat(_contractions(moments), axis=-1)
        return Description(
            xp.reshape(invariant, (*size, self.dim_out)), xp.reshape(moments[1], (*size, self.channels, 3))
        )

    def _moments(self, env: Environment) -> list[Array]:
        """M_ν of each rank, (nframes * nloc, channels, 3**ν)."""
        parts = [self._geometry(edges) for edges in self.matrix.edges(env)]
        xp = array_namespace(parts[0])
        geometry = xp.concat(parts, axis=1)
        weights = xp.take(self.weights, xp.reshape(env.center_type, (-1,)), axis=0) * sum(self.matrix.sel) ** -0.5
        weights, moments, start = xp.matrix_transpose(weights), [], 0
        for rank in RANKS:
            own = weights[:, rank * self.channels : (rank + 1) * self.channels, :]
            moments.append(xp.matmul(own, geometry[:, :, start : start + 3**rank]))
            start += 3**rank
        return moments

    def _geometry(self, edges: Edges) -> Array:
        """Σ_j s T_k u ⊗ … ⊗ u over the neighbors of one type, (n, radial, 1 + 3 + 9 + 27)."""
        rows = self.matrix.rows(edges)
        xp = array_namespace(rows.matrix)
        # s vanishes with two derivatives at the cut-off, and in empty slots, which may be anywhere beyond it
        distance = xp.where(rows.distance > self.matrix.rcut, 0.0 * rows.distance + self.matrix.rcut, rows.distance)
        x = 2.0 / self.matrix.rcut * distance[..., None] - 1.0
        polynomials = xp.concat(_chebyshev(x, self.radial), axis=-1)
        basis = rows.matrix * xp.astype(polynomials, rows.matrix.dtype)
        unit = xp.astype(edges.edge_vec / rows.distance[..., None], rows.matrix.dtype)
        return xp.matmul(xp.matrix_transpose(basis), xp.concat(_powers(unit), axis=-1))

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        tree = {"@class": "Descriptor", "type": ROW.name, "@version": 1, **write_settings(self)}
        tree |= self.matrix.serialize()
        return tree | {"@variables": {**tree["@variables"], "weights": self.weights}}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> MomentTensor:
        """The descriptor of the contract's tree."""
        check_class(data, "Descriptor", 1, 1)
        settings, ntypes = read_settings(cls, data), len(data["sel"])
        size = (ntypes, ntypes * settings["radial"], len(RANKS) * settings["channels"])
        weights = take_array(data["@variables"], "weights", size, where=ROW.name)
        matrix = EnvironmentMatrix.deserialize(data, ntypes, ROW.name, by_type=True, columns=1)
        return cls(weights=weights, matrix=matrix, **settings)

    @classmethod
    def from_input(cls, section: dict[str, Any], type_map: list[str], rng: np.random.Generator) -> MomentTensor:
        """A new descriptor of the input's section ``descriptor``, random weights, neutral statistics."""
        settings, ntypes = read_settings(cls, {**section, "type_map": type_map}), len(type_map)
        size = (ntypes, ntypes * settings["radial"], len(RANKS) * settings["channels"])
        weights = rng.normal(size=size, scale=settings["radial"] ** -0.5)
        # without a mean, an empty slot contributes nothing
        section = {**section, "set_davg_zero": True}
        matrix = EnvironmentMatrix.initial(section, ntypes, by_type=True, columns=1)
        return cls(weights=weights.astype(numpy_dtype(section["precision"])), matrix=matrix, **settings)


def _chebyshev(x: Array, number: int) -> list[Array]:
    """T_0(x) … T_{number-1}(x)."""
    polynomials = [0.0 * x + 1.0, x]
    while len(polynomials) < number:
        polynomials.append(2.0 * x * polynomials[-1] - polynomials[-2])
    return polynomials[:number]


def _powers(unit: Array) -> list[Array]:
    """1, u, u ⊗ u, u ⊗ u ⊗ u of vectors (n, nnei, 3), each (n, nnei, 3**ν)."""
    xp = array_namespace(unit)
    powers = [xp.ones_like(unit[..., :1])]
    for rank in RANKS[1:]:
        product = powers[-1][..., :, None] * unit[..., None, :]
        powers.append(xp.reshape(product, (*shape(unit)[:2], 3**rank)))
    return powers


def _contractions(moments: list[Array]) -> list[Array]:
    """The invariants of the tensors (n, channels, 3**ν), each (n, channels)."""
    zero, one, two, three = moments
    xp = array_namespace(one)
    lead = shape(one)[:2]

    def apply(tensor: Array, other: Array) -> Array:
        """The contraction of all of `other` with the last indices of `tensor`."""
        width = other.shape[-1]
        matrix = xp.reshape(tensor, (*lead, tensor.shape[-1] // width, width))
        return xp.sum(matrix * other[..., None, :], axis=-1)

    def dot(tensor: Array, other: Array) -> Array:
        return xp.sum(tensor * other, axis=-1)

    square = xp.reshape(two, (*lead, 3, 3))
    square = xp.reshape(xp.matmul(square, square), (*lead, 9))
    two_one, three_two = apply(two, one), apply(three, two)
    return [
        zero[..., 0],
        dot(one, one),
        dot(two, two),
        dot(three, three),
        dot(two_one, one),
        dot(square, two),
        dot(three_two, one),
        dot(two_one, two_one),
        dot(three_two, three_two),
        dot(apply(apply(three, one), one), one),
    ]


def fields() -> list[Argument]:
    """The keys of the input's section."""
    return [
        sel_by_type(),
        *environment(),
        key("channels", int, "Number of moments of each rank.", default=16, **POSITIVE),
        key("radial", int, "Number of Chebyshev polynomials in the distance.", default=8, **POSITIVE),
        precision(),
        key("trainable", bool, "Whether the parameters are trained.", default=True),
        seed("the initial weights"),
    ]


def check(section: dict[str, Any], where: str, type_map: list[str]) -> None:
    """Checks the values against each other."""
    check_environment(section, where, type_map)
    check_sel_by_type(section, where, type_map)


ROW = Row(
    name="moment_tensor",
    aliases=("mtp",),
    cls=MomentTensor,
    doc="Invariants of moment tensors up to rank 3, with up to five bodies.",
    fields=fields,
    check=check,
    sel_keys=sel_of_each_type,
)
