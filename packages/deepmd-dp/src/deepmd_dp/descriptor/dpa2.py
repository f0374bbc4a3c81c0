# SPDX-License-Identifier: LGPL-3.0-or-later
"""The descriptor of DPA-2: a local description that is refined by message passing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.contract import check_class
from deepmd.errors import InputError
from deepmd_dp.descriptor.repformer.block import Repformer
from deepmd_dp.descriptor.repinit.contract import deserialize_parts, new_parts, serialize_parts
from deepmd_dp.descriptor.repinit.settings import RepinitSettings
from deepmd_dp.descriptor.repinit.two_body import TwoBody
from deepmd_dp.descriptor.three_body import ThreeBody
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import Module, module
from deepmd_dp.dialect.precision import precision_name
from deepmd_dp.dialect.settings import read_settings, setting, write_settings
from deepmd_dp.environment.environment import widest
from deepmd_dp.environment.exclusion import Pairs, as_pairs
from deepmd_dp.interface import Description
from deepmd_dp.nn.network import Layer
from deepmd_dp.nn.type_embedding import TypeEmbedNet

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from deepmd_dp.environment.environment import Environment, ListSpec


@module
class DPA2(Module):
    r"""D_i = repformer(W repinit_i [+ V t_i]), with the embedded type t_i appended.

    The repinit describes an atom by its neighbors within a large cut-off (two-body, `se_atten` without attention) and
    by pairs of neighbors within a smaller one (three-body, optional). From there the repformer passes messages between
    atoms within its own cut-off.

    So an atom's energy depends on displacements between other atoms. Each displacement of each list is one variable of
    the energy, with the derivative g, and an atom's virial is the sum of -g ⊗ r over the displacements that end at it.
    The sum over the atoms is the virial; how it is spread over them is a convention. deepmd-kit's is another, the sum
    over i of -dE_i/dr_j ⊗ (r_j - r_i) for atom j, in which periodic images that messages pass depend on its front end.

    References
    ----------
    Zhang et al., npj Comput. Mater. 10, 293 (2024) (DPA-2, arXiv:2312.15492).
    """

    type_embedding: TypeEmbedNet
    repinit: TwoBody
    three_body: ThreeBody | None = None
    g1_shape_transform: Layer | None = None
    tebd_transform: Layer | None = None
    repformer: Repformer
    repinit_settings: RepinitSettings
    concat_output_tebd: bool = setting(default=True)
    smooth: bool = setting(default=True)
    exclude_types: Pairs = setting(default=(), read=as_pairs)
    env_protection: float = setting(default=0.0)
    precision: str = setting(default="float64", read=precision_name)
    trainable: bool = setting(default=True)
    type_map: tuple[str, ...] = setting(default=())

    mixed_types = True
    uses_type_index = False

    @property
    def dim_out(self) -> int:
        """Width of the invariant part."""
        return self.repformer.settings.g1_dim + (self.type_embedding.dim if self.concat_output_tebd else 0)

    @property
    def dim_equivariant(self) -> int:
        """Number of vectors in the equivariant part."""
        return self.repformer.settings.g2_dim

    @property
    def capacities(self) -> dict[ListSpec, tuple[int, ...]]:
        """The lists of the two-body part, the three-body part and the repformer; two may be the same."""
        return widest((part.matrix.spec, part.matrix.sel) for part in self._parts)

    @property
    def messages(self) -> tuple[ListSpec, ...]:
        """One of each layer of the repformer."""
        return (self.repformer.matrix.spec,) * len(self.repformer.layers)

    def numbers_per_atom(self, nnei: Mapping[ListSpec, int]) -> int:
        """Those of all parts."""
        return sum(part.numbers_per_atom(nnei[part.matrix.spec]) for part in self._parts)

    @property
    def _parts(self) -> tuple[TwoBody | ThreeBody | Repformer, ...]:
        parts = (self.repinit, self.three_body, self.repformer)
        return tuple(part for part in parts if part is not None)

    def __call__(self, env: Environment) -> Description:
        """The description of the local atoms."""
        table = self.type_embedding()
        xp = array_namespace(table)
        own = xp.take(table, xp.reshape(env.center_type, (-1,)), axis=0)
        g1, vectors = self.repformer(self._first_features(env, table, own), env)
        xp = array_namespace(g1)
        if self.concat_output_tebd:
            g1 = xp.concat([g1, own], axis=-1)
        size = shape(env.atype)
        return Description(xp.reshape(g1, (*size, self.dim_out)), xp.reshape(vectors, (*size, self.dim_equivariant, 3)))

    def _first_features(
        self, env: Environment, table: Float[Array, "ntypes dim"], own: Float[Array, "ncenters dim"]
    ) -> Float[Array, "ncenters g1_dim"]:
        """What the repformer starts from; table, own: the types' embedding vectors and those of the local atoms."""
        g1 = self.repinit(env, table)
        if self.three_body is not None:
            g1 = array_namespace(g1).concat([g1, self.three_body(env, table)], axis=-1)
        if self.g1_shape_transform is not None:
            g1 = self.g1_shape_transform(g1)
        return g1 if self.tebd_transform is None else g1 + self.tebd_transform(own)

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        transform, types = self.g1_shape_transform, self.type_embedding
        parts = serialize_parts((self.repinit, self.three_body))
        data = {
            "@class": "Descriptor",
            "type": "dpa2",
            "@version": 4 if "compress" in parts["repinit_variable"] else 3,
            "ntypes": types.ntypes,
            "repinit_args": write_settings(self.repinit_settings),
            **write_settings(self),
            "add_tebd_to_repinit_out": self.tebd_transform is not None,
            "use_econf_tebd": types.use_econf_tebd,
            "use_tebd_bias": types.use_tebd_bias,
            "type_embedding": types.serialize(),
            "g1_shape_tranform": {"@class": "Identity", "@version": 1} if transform is None else transform.serialize(),
            **parts,
            **self.repformer.serialize(types.ntypes, self.precision),
        }
        return data if self.tebd_transform is None else data | {"tebd_transform": self.tebd_transform.serialize()}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> DPA2:
        """The descriptor of the contract's tree."""
        check_class(data, "Descriptor", 1, 4)
        if data["@version"] < 3:
            older = {"use_sqrt_nnei": False, "g1_out_conv": False, "g1_out_mlp": False}
            data = data | {"repformer_args": data["repformer_args"] | older}
        settings = RepinitSettings.of(data["repinit_args"])
        types = TypeEmbedNet.deserialize(data["type_embedding"])
        repinit, three_body = deserialize_parts(settings, data, types)
        layers = {"g1_shape_transform": data["g1_shape_tranform"], "tebd_transform": data.get("tebd_transform")}
        is_layer = {name: tree is not None and tree["@class"] == "Layer" for name, tree in layers.items()}
        optional: dict[str, Any] = {
            name: Layer.deserialize(tree, f"dpa2, {name}") for name, tree in layers.items() if is_layer[name]
        }
        return cls(
            type_embedding=types,
            repinit=repinit,
            three_body=three_body,
            repformer=Repformer.deserialize(data),
            repinit_settings=settings,
            **optional,
            **read_settings(cls, data),
        )

    @classmethod
    def from_input(cls, section: dict[str, Any], type_map: list[str], rng: np.random.Generator) -> DPA2:
        """A new descriptor of the input's section ``descriptor``, random weights, neutral statistics.

        Raises
        ------
        InputError
            The repformer's list is not within the repinit's.
        """
        settings = RepinitSettings.of(section["repinit"])
        _check_lists(section["repinit"], section["repformer"])
        types = TypeEmbedNet.of_section(section, settings.tebd_dim, type_map, rng)
        repinit, three_body = new_parts(settings, section, types, rng)
        repformer = Repformer.initial(section, len(type_map), rng)
        width = repinit.dim_out + (0 if three_body is None else three_body.dim_out)
        dim = repformer.settings.g1_dim
        common = {"bias": False, "precision": section["precision"], "trainable": section["trainable"]}
        return cls(
            type_embedding=types,
            repinit=repinit,
            three_body=three_body,
            g1_shape_transform=None if width == dim else Layer.initial(rng, width, dim, **common),
            tebd_transform=(
                Layer.initial(rng, settings.tebd_dim, dim, **common) if section["add_tebd_to_repinit_out"] else None
            ),
            repformer=repformer,
            repinit_settings=settings,
            **read_settings(cls, section | {"type_map": type_map}),
        )


def _check_lists(repinit: dict[str, Any], repformer: dict[str, Any]) -> None:
    """deepmd-kit can't read a model whose lists are not nested."""
    for key in ("rcut", "nsel"):
        if repformer[key] >= repinit[key]:
            raise InputError(
                f"descriptor/repformer/{key} is {repformer[key]}; expected less than repinit/{key}, {repinit[key]}."
            )
