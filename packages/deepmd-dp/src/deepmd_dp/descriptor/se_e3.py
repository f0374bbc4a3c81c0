# SPDX-License-Identifier: LGPL-3.0-or-later
"""The three-body embedding descriptor: angles between pairs of neighbors."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.contract import check_class
from deepmd_dp.descriptor.angles import NARROW, angle_limits, angles
from deepmd_dp.dialect.array import Array, Float, total
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import module, static
from deepmd_dp.dialect.moments import Basis, chebyshev_moments
from deepmd_dp.dialect.precision import precision_name
from deepmd_dp.dialect.settings import read_settings, setting, write_settings
from deepmd_dp.environment.environment_matrix import EnvironmentMatrix
from deepmd_dp.interface import Description
from deepmd_dp.nn.matrix import Matrix, OnBasis, is_matrix, matrix, values_of
from deepmd_dp.nn.network import EmbeddingNetwork, NetworkCollection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deepmd_dp.dialect.module import Module
    from deepmd_dp.environment.environment import Environment, ListSpec
    from deepmd_dp.nn.matrix import Function


@module
class SeE3(OnBasis):
    r"""Three-body descriptor `se_e3`.

    D_i = Σ_{t ≤ u} 1/(N_t N_u) Σ_j Σ_k θ_jk G_tu(θ_jk), over neighbors j of type t and k of type u, with
    θ_jk = R_ij·R_ik of the directional columns of the normalised environment matrix, an embedding net G_tu for each
    pair of types, and N_t slots for type t in the contract's list. The type of the centre does not enter.

    References
    ----------
    Wang et al., Nucl. Fusion 62, 126013 (2022); the factors and the pairs of types are deepmd-kit's.
    """

    embeddings: NetworkCollection
    matrix: EnvironmentMatrix
    basis: Basis | None = static(default=None)
    precision: str = setting(default="float64", read=precision_name)
    trainable: bool = setting(default=True)
    type_map: tuple[str, ...] = setting(default=())

    mixed_types = False
    messages = ()
    uses_type_index = False
    dim_equivariant = 0

    @property
    def dim_out(self) -> int:
        """Width of the invariant part."""
        return int(self.embeddings.networks[0].width)

    @property
    def capacities(self) -> dict[ListSpec, tuple[int, ...]]:
        """One list, by type."""
        return {self.matrix.spec: self.matrix.sel}

    def numbers_per_atom(self, nnei: Mapping[ListSpec, int]) -> int:
        """The angle and the widths of the net for each pair of neighbors."""
        return nnei[self.matrix.spec] ** 2 * (1 + int(self.embeddings.networks[0].total_width))

    def __call__(self, env: Environment) -> Description:
        """The description of the local atoms."""
        rows = [self.matrix.rows(edges).matrix for edges in self.matrix.edges(env)]
        sel = [max(1, each) for each in self.matrix.sel]
        summed = total(
            self._sums(angles(rows[t], rows[u]), self.embeddings[(t, u)]) * (1.0 / (sel[t] * sel[u]))
            for t, u in self._pairs
        )
        return Description(array_namespace(summed).reshape(summed, (*shape(env.atype), self.dim_out)))

    def _sums(self, theta: Float[Array, "ncenters n m"], net: EmbeddingNetwork) -> Float[Array, "ncenters width"]:
        """Σ θ G(θ), with the net of each pair of neighbors or by its matrix."""
        xp = array_namespace(theta)
        theta = xp.reshape(theta, (-1, shape(theta)[1] * shape(theta)[2]))
        if self.basis is None:
            return xp.matmul(theta[:, None, :], net(theta[:, :, None]))[:, 0, :]
        a = chebyshev_moments(theta, theta[:, :, None], None, basis=self.basis)
        return xp.matmul(xp.reshape(a, (-1, self.basis.size)), matrix(net, self.basis, like=theta))

    @property
    def _pairs(self) -> list[tuple[int, int]]:
        """Pairs of types with a net that is used; the contract holds others too."""
        return list(combinations_with_replacement(range(self.embeddings.ntypes), 2))

    @property
    def values(self) -> Function:
        """All nets that are used, one beside the other, in double precision."""
        return values_of([self.embeddings[pair] for pair in self._pairs])

    @property
    def wants_matrices(self) -> bool:
        """Whether no net has kinks."""
        return all(map(is_matrix, self.embeddings.networks))

    def limits(self, smallest_distance: float) -> tuple[float, float]:
        """From two nearest neighbors on opposite sides to two at one place."""
        return angle_limits(self.matrix, smallest_distance)

    def as_matrices(self) -> SeE3:
        """The same with matrices for the nets; as it is for nets so narrow that they cost less than plain moments."""
        if self.embeddings.networks[0].total_width < NARROW:
            return replace(self, basis=None)
        assert self.basis is not None, "without one nets stay nets"
        like, basis = self.matrix.davg, self.basis
        return replace(self, embeddings=self.embeddings.map(lambda net: Matrix(c=matrix(net, basis, like))))

    def with_nets(self, change: Callable[[EmbeddingNetwork], Module]) -> SeE3:
        """The same, since nets of angles stay nets (decision record 0019)."""
        return self

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        net = self.embeddings.networks[0]
        return {
            "@class": "Descriptor",
            "type": "se_e3",
            "@version": 2,
            "neuron": net.neuron,
            "resnet_dt": net.resnet_dt,
            "activation_function": net.layers[0].activation_function,
            "embeddings": self.embeddings.serialize(),
            **write_settings(self),
            **self.matrix.serialize(),
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> SeE3:
        """The descriptor of the contract's tree; tables beside the nets are passed over (decision record 0019)."""
        check_class(data, "Descriptor", 1, 3)
        return cls(
            embeddings=NetworkCollection.deserialize(data["embeddings"], "se_e3 embedding net", 2),
            matrix=EnvironmentMatrix.deserialize(data, len(data["sel"]), "se_e3", by_type=True),
            **read_settings(cls, data),
        )

    @classmethod
    def from_input(cls, section: dict[str, Any], type_map: list[str], rng: np.random.Generator) -> SeE3:
        """A new descriptor of the input's section ``descriptor``, random weights, neutral statistics."""
        ntypes = len(type_map)
        nets = tuple(EmbeddingNetwork.of_section(rng, 1, section) for _ in range(ntypes**2))
        return cls(
            embeddings=NetworkCollection(networks=nets, ndim=2, ntypes=ntypes),
            matrix=EnvironmentMatrix.initial(section, ntypes, by_type=True),
            **read_settings(cls, {**section, "type_map": type_map}),
        )
