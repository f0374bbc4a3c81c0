# SPDX-License-Identifier: LGPL-3.0-or-later
"""The two-body descriptor with embedded types and attention among the neighbors."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.contract import check_class
from deepmd.errors import InputError, ModelFileError
from deepmd_dp.descriptor.attention import NeighborGatedAttention, Neighbors, gated_neighbors
from deepmd_dp.descriptor.contraction import describe_by_moments
from deepmd_dp.descriptor.typed_embedding import TypedEmbedding
from deepmd_dp.descriptor.typed_moments import TypedMoments
from deepmd_dp.dialect import ops
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import module, static
from deepmd_dp.dialect.precision import precision_name
from deepmd_dp.dialect.settings import read_settings, setting, write_settings
from deepmd_dp.environment.environment_matrix import Edges, EnvironmentMatrix, Rows
from deepmd_dp.interface import Description
from deepmd_dp.nn.table import net_of
from deepmd_dp.nn.type_embedding import TypeEmbedNet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deepmd_dp.dialect.module import Module
    from deepmd_dp.environment.environment import Environment, ListSpec
    from deepmd_dp.nn.network import EmbeddingNetwork

log = logging.getLogger(__name__)


@module
class SeAtten(TypedMoments):
    r"""DPA-1 descriptor `se_atten` (`dpa1`), and its variant `se_atten_v2`.

    As `se_e2_a`, but one embedding net serves all types: it takes (s, t_j, t_i), the switched
    inverse distance and the embedded types of neighbor and centre (`tebd_input_mode` concat),
    or G(s) (1 + T(t_j, t_i)) with a second net T (strip). Then attention layers let the
    neighbors' embeddings look at each other.

    References
    ----------
    Zhang et al., npj Comput. Mater. 10, 94 (2024) (DPA-1, arXiv:2208.08236).
    """

    attention_layers: NeighborGatedAttention
    is_v2: bool = static(default=False)
    axis_neuron: int = setting(default=16)
    concat_output_tebd: bool = setting(default=True)
    precision: str = setting(default="float64", read=precision_name)
    trainable: bool = setting(default=True)
    type_map: tuple[str, ...] = setting(default=())

    mixed_types = True
    messages = ()
    uses_type_index = False

    @property
    def dim_out(self) -> int:
        """Width of the invariant part."""
        return self.dim_equivariant * self.axis_neuron + (self.type_embedding.dim if self.concat_output_tebd else 0)

    @property
    def dim_equivariant(self) -> int:
        """Number of vectors in the equivariant part."""
        return self.embedding.width

    def numbers_per_atom(self, nnei: Mapping[ListSpec, int]) -> int:
        """The widths of the net for each neighbor, and what the attention takes."""
        width = nnei[self.matrix.spec]
        return width * self.embedding.total_width + self.attention_layers.numbers_per_atom(width)

    def __call__(self, env: Environment) -> Description:
        """The description of the local atoms."""
        table = self.table()
        moments = self.moments(env, table) * (1.0 / sum(self.matrix.sel))
        own = env.of_centers(table) if self.concat_output_tebd else None
        return describe_by_moments(moments, self.axis_neuron, shape(env.atype), own)

    def attended(
        self, embedded: Float[Array, "ncenters nnei width"], edges: Edges, rows: Rows
    ) -> Float[Array, "ncenters nnei width"]:
        """The neighbors' G after the layers of attention."""
        layers = self.attention_layers
        return layers(embedded, self._neighbors(edges, rows)) if layers.layers else embedded

    def attended_of_empty(self, embedded: Float[Array, "ncenters n width"]) -> Float[Array, "ncenters n width"]:
        """That of an empty slot, which looks at nothing."""
        return self.attention_layers.of_empty_slot(embedded)

    def _neighbors(self, edges: Edges, rows: Rows) -> Neighbors:
        """What the attention needs; slots that differ are all in the list, others count in its `rest`."""
        xp = array_namespace(rows.matrix)
        occupied = xp.astype(edges.nlist >= 0, rows.matrix.dtype)
        return gated_neighbors(
            edges.kept,
            xp.ones_like(occupied) if self.matrix.slots_differ else occupied,
            edges.nempty[:, None],
            rows.switch,
            ops.unit_vectors(rows.matrix[..., 1:]) if self.attention_layers.dotr else None,
            smooth=self.attention_layers.smooth,
        )

    def with_list_rcut(self, rcut: float) -> SeAtten:
        """The same on the list of a descriptor beside it that sees as far as `rcut` [Å].

        deepmd-kit gives both one list. Neighbors beyond the own cut-off then have a switch of 0, but they take part in
        attention that is not smooth, and their types in what a mean other than 0 leaves of them.
        """
        attention_sees_them = len(self.attention_layers.layers) > 0 and not self.attention_layers.smooth
        if attention_sees_them or _has_typed_remainder(self.matrix, self.embedding):
            return replace(self, matrix=replace(self.matrix, list_rcut=rcut))
        return self

    @property
    def wants_matrices(self) -> bool:
        """Whether the nets can be matrices, and are cheaper so."""
        return not self.attention_layers.layers and self.embedding.is_cheaper_as_matrix

    def with_nets(self, change: Callable[[EmbeddingNetwork], Module]) -> SeAtten:
        """The same with another function in the place of the net of one number.

        Raises
        ------
        InputError
            Attention follows, or the net takes the types too.
        """
        if self.attention_layers.layers:
            raise InputError(
                "layers of attention need the embedding G of each edge, and have no table; "
                "a model to be compressed is trained with `attn_layer` 0"
            )
        return super().with_nets(change)

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        attention, types = self.attention_layers, self.type_embedding
        net, nets = net_of(self.embedding.embeddings.networks[0]), self.embedding.serialize(types())
        data = {
            "@class": "Descriptor",
            "type": "se_atten_v2" if self.is_v2 else "dpa1",
            "@version": 3 if "compress" in nets else 2,
            "ntypes": types.ntypes,
            "neuron": net.neuron,
            "tebd_dim": types.dim,
            "attn": attention.hidden_dim,
            "attn_layer": len(attention.layers),
            "attn_dotr": attention.dotr,
            "attn_mask": attention.do_mask,
            "activation_function": net.layers[0].activation_function,
            "resnet_dt": net.resnet_dt,
            "type_one_side": self.embedding.type_one_side,
            **nets,
            "attention_layers": attention.serialize(),
            "type_embedding": types.serialize(),
            "spin": None,
            **{name: getattr(attention, name) for name in _OF_ATTENTION},
            **{name: getattr(types, name) for name in ("use_econf_tebd", "use_tebd_bias")},
            **write_settings(self),
            **self.matrix.serialize(),
        }
        if not self.is_v2:
            data["tebd_input_mode"] = "strip" if self.embedding.is_strip else "concat"
            data["smooth_type_embedding"] = self.embedding.smooth
        return data

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> SeAtten:
        """The descriptor of the contract's tree."""
        check_class(data, "Descriptor", 1, 4)
        if data.get("attn_mask"):
            raise ModelFileError("the model has `attn_mask` true, which is not supported; train it without.")
        is_v2 = data["type"] == "se_atten_v2"
        smooth = True if is_v2 else data["smooth_type_embedding"]
        embedding = TypedEmbedding.deserialize(data, "se_atten", type_one_side=data["type_one_side"], smooth=smooth)
        matrix = EnvironmentMatrix.deserialize(data, data["ntypes"], "se_atten", by_type=False)
        if _has_typed_remainder(matrix, embedding):
            _warn_of_order()
        return cls(
            embedding=embedding,
            attention_layers=NeighborGatedAttention.deserialize(data["attention_layers"], smooth),
            type_embedding=TypeEmbedNet.deserialize(data["type_embedding"]),
            matrix=matrix,
            is_v2=is_v2,
            **read_settings(cls, data),
        )

    @classmethod
    def from_input(cls, section: dict[str, Any], type_map: list[str], rng: np.random.Generator) -> SeAtten:
        """A new descriptor of the input's section ``descriptor``, random weights, neutral statistics."""
        is_v2 = section["type"] == "se_atten_v2"
        is_strip = is_v2 or section["tebd_input_mode"] == "strip"
        smooth = True if is_v2 else section["smooth_type_embedding"]
        matrix = EnvironmentMatrix.initial(section, len(type_map), by_type=False)
        types = section.get("type_embedding")
        dim = types["neuron"][-1] if types else section["tebd_dim"]
        return cls(
            embedding=TypedEmbedding.initial(section, len(type_map), dim, rng, is_strip=is_strip, smooth=smooth),
            attention_layers=NeighborGatedAttention.of_section(section, sum(matrix.sel), smooth, rng),
            type_embedding=TypeEmbedNet.of_section(section, dim, type_map, rng),
            matrix=matrix,
            is_v2=is_v2,
            **read_settings(cls, {**section, "type_map": type_map}),
        )


def _has_typed_remainder(matrix: EnvironmentMatrix, embedding: TypedEmbedding) -> bool:
    """Whether a place whose switch is 0 contributes by its type; in a smooth strip types vanish with the switch."""
    return bool(np.asarray(matrix.davg).any()) and not (embedding.is_strip and embedding.smooth)


@cache
def _warn_of_order() -> None:
    log.warning(
        "the model's energy depends on the order of the atoms, in deepmd-kit too: it was trained with set_davg_zero "
        "false, and an empty place in a list has the type of the first atom."
    )


_OF_ATTENTION = ("scaling_factor", "normalize", "temperature", "trainable_ln", "ln_eps")
"""Settings of the attention that stand in the descriptor's tree too."""
