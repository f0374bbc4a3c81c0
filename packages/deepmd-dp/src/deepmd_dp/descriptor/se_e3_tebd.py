# SPDX-License-Identifier: LGPL-3.0-or-later
"""The three-body descriptor with embedded types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.contract import check_class
from deepmd_dp.descriptor.three_body import ThreeBody
from deepmd_dp.descriptor.typed_embedding import TypedEmbedding
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import Module, module
from deepmd_dp.dialect.precision import precision_name
from deepmd_dp.dialect.settings import read_settings, setting, write_settings
from deepmd_dp.environment.environment_matrix import EnvironmentMatrix
from deepmd_dp.interface import Description
from deepmd_dp.nn.type_embedding import TypeEmbedNet

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from deepmd_dp.environment.environment import Environment, ListSpec


@module
class SeE3Tebd(Module):
    r"""Three-body descriptor `se_e3_tebd`.

    D_i = Σ_jk θ_jk G(θ_jk; t_j, t_k) / N² with θ_jk = R_ij·R_ik of the directional columns of the normalised
    environment matrix and N slots of the contract's list. One net serves all types: it takes the angle and both
    neighbors' embedded types (`tebd_input_mode` concat), or the angle alone and is multiplied by a second net of the
    types (strip). The embedded type of the centre is appended.

    References
    ----------
    deepmd-kit's `se_e3_tebd`; it is the three-body part of DPA-2 (arXiv:2312.15492).
    """

    type_embedding: TypeEmbedNet
    three_body: ThreeBody
    concat_output_tebd: bool = setting(default=True)
    smooth: bool = setting(default=True)
    precision: str = setting(default="float64", read=precision_name)
    trainable: bool = setting(default=True)
    type_map: tuple[str, ...] = setting(default=())

    mixed_types = True
    messages = ()
    uses_type_index = False
    dim_equivariant = 0

    @property
    def dim_out(self) -> int:
        """Width of the invariant part."""
        return self.three_body.dim_out + (self.type_embedding.dim if self.concat_output_tebd else 0)

    @property
    def capacities(self) -> dict[ListSpec, tuple[int, ...]]:
        """One list, of all types."""
        return {self.three_body.matrix.spec: self.three_body.matrix.sel}

    def numbers_per_atom(self, nnei: Mapping[ListSpec, int]) -> int:
        """The angle, the switch and the widths of the net, for each pair of neighbors."""
        return self.three_body.numbers_per_atom(nnei[self.three_body.matrix.spec])

    def __call__(self, env: Environment) -> Description:
        """The description of the local atoms."""
        table = self.type_embedding()
        features = self.three_body(env, table)
        xp = array_namespace(features)
        if self.concat_output_tebd:
            own = xp.take(table, xp.reshape(env.center_type, (-1,)), axis=0)
            features = xp.concat([features, own], axis=-1)
        return Description(xp.reshape(features, (*shape(env.atype), self.dim_out)))

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        types, embedding = self.type_embedding, self.three_body.embedding
        net = embedding.embeddings.networks[0]
        return {
            "@class": "Descriptor",
            "type": "se_e3_tebd",
            "@version": 1,
            "ntypes": types.ntypes,
            "neuron": net.neuron,
            "tebd_dim": types.dim,
            "tebd_input_mode": "strip" if embedding.is_strip else "concat",
            "activation_function": net.layers[0].activation_function,
            "resnet_dt": net.resnet_dt,
            "use_econf_tebd": types.use_econf_tebd,
            "type_embedding": types.serialize(),
            **embedding.serialize(types()),
            **write_settings(self),
            **self.three_body.matrix.serialize(),
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> SeE3Tebd:
        """The descriptor of the contract's tree; tables beside the nets are passed over (decision record 0019)."""
        check_class(data, "Descriptor", 1, 2)
        data = {key: value for key, value in data.items() if key != "compress"}
        types = TypeEmbedNet.deserialize(data["type_embedding"])
        three_body = ThreeBody(
            embedding=TypedEmbedding.deserialize(data, "se_e3_tebd", type_one_side=False, smooth=data["smooth"]),
            type_embedding=types,
            matrix=EnvironmentMatrix.deserialize(data, data["ntypes"], "se_e3_tebd", by_type=False),
        )
        return cls(type_embedding=types, three_body=three_body, **read_settings(cls, data))

    @classmethod
    def from_input(cls, section: dict[str, Any], type_map: list[str], rng: np.random.Generator) -> SeE3Tebd:
        """A new descriptor of the input's section ``descriptor``, random weights, neutral statistics."""
        ntypes, is_strip = len(type_map), section["tebd_input_mode"] == "strip"
        types = TypeEmbedNet.of_section(section, section["tebd_dim"], type_map, rng)
        embedding = TypedEmbedding.initial(
            {**section, "type_one_side": False}, ntypes, types.dim, rng, is_strip=is_strip, smooth=section["smooth"]
        )
        matrix = EnvironmentMatrix.initial(section, ntypes, by_type=False)
        return cls(
            type_embedding=types,
            three_body=ThreeBody(embedding=embedding, type_embedding=types, matrix=matrix),
            **read_settings(cls, {**section, "type_map": type_map}),
        )
