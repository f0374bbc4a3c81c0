# SPDX-License-Identifier: LGPL-3.0-or-later
"""The descriptor of DPA-3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.contract import check_class
from deepmd_dp.descriptor.dpa3.block import Repflow
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import Module, module
from deepmd_dp.dialect.precision import precision_name
from deepmd_dp.dialect.settings import read_settings, setting, write_settings
from deepmd_dp.environment.exclusion import Pairs, as_pairs
from deepmd_dp.interface import Description
from deepmd_dp.nn.charge_spin import ChargeSpinEmbedding
from deepmd_dp.nn.type_embedding import TypeEmbedNet

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from deepmd_dp.environment.environment import Environment, ListSpec


WITHOUT = {"add_chg_spin_ebd": False, "default_chg_spin": None}
"""What the contract's tree says of a descriptor that does not look at a frame's charge and spin."""


@module
class DPA3(Module):
    r"""D_i = n_i of the last layer of a repflow that starts from the embedded type t_i, which may be appended.

    The vector of the frame's charge and spin, where there is one, is added to that of each atom's type.

    The layers pass messages on a series of graphs: from atoms to atoms along edges, and from edges to edges of one atom
    along angles. See `RepflowLayer` for the messages, and `DPA2` for what is said of the virials of atoms.

    References
    ----------
    Zhang et al., arXiv:2506.01686 (DPA-3).
    """

    type_embedding: TypeEmbedNet
    repflow: Repflow
    charge_spin: ChargeSpinEmbedding | None = None
    concat_output_tebd: bool = setting(default=False)
    activation_function: str = setting(default="silu")
    exclude_types: Pairs = setting(default=(), read=as_pairs)
    env_protection: float = setting(default=0.0)
    precision: str = setting(default="float64", read=precision_name)
    trainable: bool = setting(default=True)
    use_loc_mapping: bool = setting(default=True)
    type_map: tuple[str, ...] = setting(default=())

    mixed_types = True
    uses_type_index = False

    @property
    def dim_out(self) -> int:
        """Width of the invariant part."""
        return self.repflow.settings.n_dim * (2 if self.concat_output_tebd else 1)

    @property
    def dim_equivariant(self) -> int:
        """Number of vectors in the equivariant part."""
        return self.repflow.settings.e_dim

    @property
    def capacities(self) -> dict[ListSpec, tuple[int, ...]]:
        """The lists of the edges and of those that have angles."""
        settings = self.repflow.settings
        return dict(zip(self.repflow.lists, ((settings.e_sel,), (settings.a_sel,)), strict=True))

    @property
    def messages(self) -> tuple[ListSpec, ...]:
        """One of each layer."""
        return (self.repflow.lists[0],) * len(self.repflow.layers)

    def numbers_per_atom(self, nnei: Mapping[ListSpec, int]) -> int:
        """Those of all layers."""
        edges, angles = self.repflow.lists
        return self.repflow.numbers_per_atom(nnei[edges], nnei[angles])

    def __call__(self, env: Environment) -> Description:
        """The description of the local atoms."""
        table = self.type_embedding()
        xp = array_namespace(table)
        own = xp.take(table, xp.reshape(env.center_type, (-1,)), axis=0)
        if self.charge_spin is not None:
            assert env.charge_spin is not None, "an environment of this model"
            of_types = xp.reshape(own, (*shape(env.atype), self.type_embedding.dim))
            own = xp.reshape(of_types + self.charge_spin(env.charge_spin)[:, None, :], (-1, self.type_embedding.dim))
        node, vectors = self.repflow(own, env)
        xp, size = array_namespace(node), shape(env.atype)
        if self.concat_output_tebd:
            node = xp.concat([node, own], axis=-1)
        return Description(
            xp.reshape(node, (*size, self.dim_out)),
            lambda: xp.reshape(vectors(), (*size, self.dim_equivariant, 3)),
        )

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        types = self.type_embedding
        return {
            "@class": "Descriptor",
            "type": "dpa3",
            "@version": 2,
            "ntypes": types.ntypes,
            **write_settings(self),
            "use_econf_tebd": types.use_econf_tebd,
            "use_tebd_bias": types.use_tebd_bias,
            **(WITHOUT if self.charge_spin is None else self.charge_spin.serialize()),
            "type_embedding": types.serialize(),
            **self.repflow.serialize(types.ntypes, self.precision),
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> DPA3:
        """The descriptor of the contract's tree."""
        check_class(data, "Descriptor", 1, 2)
        return cls(
            type_embedding=TypeEmbedNet.deserialize(data["type_embedding"]),
            repflow=Repflow.deserialize(data),
            charge_spin=ChargeSpinEmbedding.deserialize(data, "dpa3"),
            **read_settings(cls, data),
        )

    @classmethod
    def from_input(cls, section: dict[str, Any], type_map: list[str], rng: np.random.Generator) -> DPA3:
        """A new descriptor of the input's section ``descriptor``, random weights, neutral statistics."""
        types = TypeEmbedNet.of_section(section, section["repflow"]["n_dim"], type_map, rng)
        return cls(
            type_embedding=types,
            repflow=Repflow.initial(section, len(type_map), rng),
            charge_spin=ChargeSpinEmbedding.initial(section, types.dim, rng),
            **read_settings(cls, section | {"type_map": type_map}),
        )
