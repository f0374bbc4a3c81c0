# SPDX-License-Identifier: LGPL-3.0-or-later
"""The two-body descriptor `se_e2_a` with one net for all types, which takes their embedding vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.contract import check_class
from deepmd.errors import ModelFileError
from deepmd_dp.descriptor.contraction import describe_by_moments
from deepmd_dp.descriptor.typed_embedding import TypedEmbedding
from deepmd_dp.descriptor.typed_moments import TypedMoments
from deepmd_dp.dialect.array import Array, Float, Int
from deepmd_dp.dialect.array_api import array_namespace, constant, shape
from deepmd_dp.dialect.module import module
from deepmd_dp.dialect.precision import precision_name
from deepmd_dp.dialect.settings import read_settings, setting, write_settings
from deepmd_dp.environment.environment_matrix import MOST_NEIGHBORS, Edges, EnvironmentMatrix
from deepmd_dp.environment.exclusion import pair_weights
from deepmd_dp.nn.type_embedding import TypeEmbedNet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deepmd_dp.environment.environment import Environment, ListSpec
    from deepmd_dp.interface import Description


@module
class SeE2ATebd(TypedMoments):
    r"""Descriptor `se_e2_a` with the model's `type_embedding`, and `se_a_ebd_v2`.

    D_i = (1/N_c²) (G_i)ᵀ R_i (R_i)ᵀ G_i^< as in `se_e2_a`, beside it the vector t_i of the centre's type. One net
    serves all types: G = N(s, t_j, t_i), or G = N(s) (1 + T(t_j, t_i)) with a second net T (`se_a_ebd_v2`); without
    t_i where `type_one_side`. The places that a list of `sel` neighbors leaves empty are of the type that they are
    kept for, and in `se_a_ebd_v2` of one whose vector is 0.

    Attributes
    ----------
    sel
        Places for the neighbors of each type; N_c is their sum.

    References
    ----------
    Zhang et al., NeurIPS 2018 (arXiv:1805.09003), eq. 4-7; the nets and their input are those of deepmd-kit 3.2 with
    ``--tf``, which knows of no file beside its own: this one's tree is ours.
    """

    sel: tuple[int, ...] = setting(read=tuple, bounds=(0, MOST_NEIGHBORS))
    axis_neuron: int = setting(default=4)
    precision: str = setting(default="float64", read=precision_name)
    trainable: bool = setting(default=True)
    type_map: tuple[str, ...] = setting(default=())

    mixed_types = True
    messages = ()
    uses_type_index = False

    @property
    def dim_out(self) -> int:
        """Width of the invariant part."""
        return self.dim_equivariant * self.axis_neuron + self.type_embedding.dim

    @property
    def dim_equivariant(self) -> int:
        """Number of vectors in the equivariant part."""
        return self.embedding.width

    def numbers_per_atom(self, nnei: Mapping[ListSpec, int]) -> int:
        """The widths of the net for each neighbor."""
        return nnei[self.matrix.spec] * self.embedding.total_width

    def __call__(self, env: Environment) -> Description:
        """The description of the local atoms."""
        table = self.table()
        moments = self.moments(env, table) * (1.0 / sum(self.sel))
        return describe_by_moments(moments, self.axis_neuron, shape(env.atype), env.of_centers(table))

    def table(self) -> Float[Array, "ntypes dim"]:
        """The types' vectors in the precision of the rows; in a strip also that of empty places, 0."""
        table = self.type_embedding()
        xp = array_namespace(table)
        table = xp.astype(table, self.matrix.davg.dtype)
        return xp.concat([table, xp.zeros_like(table[:1, :])], axis=0) if self.embedding.is_strip else table

    def empty_slots(
        self, env: Environment, edges: Edges
    ) -> tuple[Int[Array, "ncenters n"], Float[Array, "ncenters n"]]:
        """All types that the nets meet, and the empty places of each."""
        number = self.empty_of_types(env, edges)
        types = constant(np.arange(self.embedding.ntypes)[None, :], env.atype)
        return array_namespace(number).broadcast_to(types, shape(number)), number

    def empty_of_types(self, env: Environment, edges: Edges) -> Float[Array, "ncenters ntypes"]:
        """How many places of each type that the nets meet are empty; negative: the list overflows."""
        xp = array_namespace(edges.kept)
        center = xp.reshape(env.center_type, (-1,))
        ntypes = len(self.sel)
        places = constant(np.array([self.sel]), like=edges.kept)
        types = xp.zeros_like(center)[:, None] + constant(np.arange(ntypes)[None, :], like=center)
        places = places * pair_weights(center, types, self.matrix.exclude_types, ntypes, like=edges.kept)
        if self.embedding.is_strip:
            rest = xp.sum(places, axis=1) - xp.sum(edges.kept, axis=1)
            return xp.concat([xp.zeros_like(places), rest[:, None]], axis=1)
        of_type = (xp.astype(xp.equal(edges.neighbor_type, t), edges.kept.dtype) for t in range(ntypes))
        taken = [xp.sum(edges.kept * each, axis=1, keepdims=True) for each in of_type]
        return places - xp.concat(taken, axis=1)

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        return {
            "@class": "Descriptor",
            "type": "se_a_ebd_v2" if self.embedding.is_strip else "se_e2_a_tebd",
            "@version": 1,
            "type_one_side": self.embedding.type_one_side,
            **self.embedding.serialize(self.table()),
            "type_embedding": self.type_embedding.serialize(),
            **self.matrix.serialize(),
            **write_settings(self),
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> SeE2ATebd:
        """The descriptor of the contract's tree."""
        check_class(data, "Descriptor", 1, 1)
        where = data["type"]
        settings = read_settings(cls, data)
        places = {**data, "sel": [sum(settings["sel"])]}
        matrix = EnvironmentMatrix.deserialize(places, len(settings["sel"]), where, by_type=False)
        if matrix.slots_differ:
            raise ModelFileError(f"the statistics of {where} differ between places, which no training makes: damaged.")
        return cls(
            embedding=TypedEmbedding.deserialize(data, where, type_one_side=data["type_one_side"], smooth=False),
            type_embedding=TypeEmbedNet.deserialize(data["type_embedding"]),
            matrix=matrix,
            **settings,
        )

    @classmethod
    def from_input(cls, section: dict[str, Any], type_map: list[str], rng: np.random.Generator) -> SeE2ATebd:
        """A new descriptor of the input's section ``descriptor``, random weights, neutral statistics."""
        is_strip = section["type"] == "se_a_ebd_v2"
        ntypes, types = len(type_map), section["type_embedding"]
        of_types = {name: types[name] for name in _OF_TYPES}
        own = rng if types.get("seed") is None else np.random.default_rng(types["seed"])
        return cls(
            embedding=TypedEmbedding.initial(
                section, ntypes + is_strip, types["neuron"][-1], rng, is_strip=is_strip, smooth=False
            ),
            type_embedding=TypeEmbedNet.initial(own, types["neuron"], type_map, **of_types),
            matrix=EnvironmentMatrix.initial({**section, "sel": sum(section["sel"])}, ntypes, by_type=False),
            **read_settings(cls, {**section, "type_map": type_map}),
        )


_OF_TYPES = ("activation_function", "resnet_dt", "use_econf_tebd", "use_tebd_bias", "precision", "trainable")
"""Keys of the types' embedding that its net takes."""
