# SPDX-License-Identifier: LGPL-3.0-or-later
"""Moments of the neighbors by type, each embedded by the net of its pair of types: what se_e2_a and se_e2_r share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from deepmd.contract import check_class
from deepmd_dp.descriptor.moments import collect_moments
from deepmd_dp.dialect.array import Array, Float, total
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.module import Module, module, static
from deepmd_dp.dialect.moments import Basis
from deepmd_dp.dialect.precision import precision_name
from deepmd_dp.dialect.settings import read_settings, setting, write_settings
from deepmd_dp.environment.environment import assemble
from deepmd_dp.environment.environment_matrix import EnvironmentMatrix
from deepmd_dp.nn.matrix import Matrix, OnBasis, input_range, is_matrix, matrix, values_of
from deepmd_dp.nn.network import EmbeddingNetwork, NetworkCollection
from deepmd_dp.nn.table import net_of, read_tables, write_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deepmd_dp.environment.environment import Environment, ListSpec
    from deepmd_dp.nn.matrix import Function


@module
class TwoBody(OnBasis):
    """(1/N_c) Σ_j R_ij ⊗ G_ij over all sum(sel) = N_c slots of an atom's list.

    With four columns R is the normalised environment matrix; with one it is 1. G is the embedding of the normalised,
    switched inverse distance by a net of the neighbor's type (`type_one_side`) or of the pair.
    """

    embeddings: NetworkCollection
    matrix: EnvironmentMatrix
    basis: Basis | None = static(default=None)
    type_one_side: bool = setting(default=False)
    precision: str = setting(default="float64", read=precision_name)

    @property
    def width(self) -> int:
        """Width of the embedding, M."""
        return int(self.embeddings.networks[0].width)

    @property
    def uses_type_index(self) -> bool:
        """Whether the net depends on the centre's type."""
        return not self.type_one_side

    def numbers_per_atom(self, nnei: Mapping[ListSpec, int]) -> int:
        """The widths of the net for each neighbor; polynomials in its place are no more."""
        return nnei[self.matrix.spec] * int(self.embeddings.networks[0].total_width)

    def __call__(self, env: Environment) -> Float[Array, "ncenters columns width"]:
        """The moments."""
        center = array_namespace(env.atype).reshape(env.center_type, (-1,))
        blocks = [collect_moments(self.matrix, edges, center, self.basis) for edges in self.matrix.edges(env)]
        if self.type_one_side:
            moments = total(block.embed(self.embeddings[(t,)]) for t, block in enumerate(blocks))
        else:
            parts = [
                total(block.of(index).embed(self.embeddings[(c, t)]) for t, block in enumerate(blocks))
                for c, index in enumerate(env.centers)
            ]
            moments = assemble(parts, env)
        return moments * (1.0 / sum(self.matrix.sel))

    @property
    def values(self) -> Function:
        """All nets, one beside the other, in double precision."""
        return values_of(self.embeddings.networks)

    @property
    def wants_matrices(self) -> bool:
        """Whether no net has kinks."""
        return all(map(is_matrix, self.embeddings.networks))

    def limits(self, smallest_distance: float) -> tuple[float, float]:
        """From the number of an empty slot to that of the nearest neighbor."""
        return input_range(self.matrix.davg[..., 0], self.matrix.dstd[..., 0], self.matrix.settings, smallest_distance)

    def as_matrices(self) -> TwoBody:
        """The same with matrices for the nets."""
        assert self.basis is not None, "without one nets stay nets"
        like = self.matrix.davg
        basis = self.basis
        return self.with_nets(lambda net: Matrix(c=matrix(net, basis, like)))

    def with_nets(self, change: Callable[[EmbeddingNetwork], Module]) -> TwoBody:
        """The same with other functions in the place of the nets."""
        return replace(self, embeddings=self.embeddings.map(change))

    def serialize(self) -> dict[str, Any]:
        """The entries of the contract's tree that come from here."""
        first, tables = net_of(self.embeddings.networks[0]), write_tables(self.embeddings)
        return {
            "@version": 3 if tables else 2,
            "neuron": first.neuron,
            "resnet_dt": first.resnet_dt,
            "activation_function": first.layers[0].activation_function,
            "embeddings": self.embeddings.serialize(),
            **write_settings(self),
            **self.matrix.serialize(),
            **({"compress": {"@variables": tables}} if tables else {}),
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any], where: str, *, columns: int) -> TwoBody:
        """From a descriptor's tree in the contract."""
        matrix = EnvironmentMatrix.deserialize(data, len(data["sel"]), where, by_type=True, columns=columns)
        ndim = 1 if data.get("type_one_side", False) else 2
        embeddings = NetworkCollection.deserialize(data["embeddings"], f"{where} embedding net", ndim)
        if "compress" in data:
            embeddings = read_tables(embeddings, data["compress"]["@variables"], where)
        return cls(embeddings=embeddings, matrix=matrix, **read_settings(cls, data))

    @classmethod
    def initial(cls, section: dict[str, Any], ntypes: int, rng: np.random.Generator, *, columns: int) -> TwoBody:
        """From a section of the input, random weights and neutral statistics."""
        ndim = 1 if section["type_one_side"] else 2
        nets = tuple(EmbeddingNetwork.of_section(rng, 1, section) for _ in range(ntypes**ndim))
        return cls(
            embeddings=NetworkCollection(networks=nets, ndim=ndim, ntypes=ntypes),
            matrix=EnvironmentMatrix.initial(section, ntypes, by_type=True, columns=columns),
            **read_settings(cls, section),
        )


Own = TypeVar("Own", bound="TwoBodyDescriptor")


@module
class TwoBodyDescriptor(Module):
    """Base of descriptors that are made of such moments: what there is of them beside their value."""

    kind: ClassVar[str]
    """The contract's name of the type."""
    columns: ClassVar[int]
    """Of R."""
    two_body: TwoBody
    trainable: bool = setting(default=True)
    type_map: tuple[str, ...] = setting(default=())

    mixed_types = False
    messages = ()

    @property
    def capacities(self) -> dict[ListSpec, tuple[int, ...]]:
        """One list, by type."""
        return {self.two_body.matrix.spec: self.two_body.matrix.sel}

    @property
    def uses_type_index(self) -> bool:
        """Whether the net depends on the centre's type."""
        return self.two_body.uses_type_index

    def numbers_per_atom(self, nnei: Mapping[ListSpec, int]) -> int:
        """The widths of the net for each neighbor."""
        return self.two_body.numbers_per_atom(nnei)

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        head = {"@class": "Descriptor", "type": self.kind, "spin": None}
        return {**head, **write_settings(self), **self.two_body.serialize()}

    @classmethod
    def deserialize(cls: type[Own], data: dict[str, Any]) -> Own:
        """The descriptor of the contract's tree."""
        check_class(data, "Descriptor", 1, 3)
        return cls(two_body=TwoBody.deserialize(data, cls.kind, columns=cls.columns), **read_settings(cls, data))

    @classmethod
    def from_input(cls: type[Own], section: dict[str, Any], type_map: list[str], rng: np.random.Generator) -> Own:
        """A new descriptor of the input's section ``descriptor``, with random weights and neutral statistics."""
        settings = read_settings(cls, {**section, "type_map": type_map})
        return cls(two_body=TwoBody.initial(section, len(type_map), rng, columns=cls.columns), **settings)
