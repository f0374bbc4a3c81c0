# SPDX-License-Identifier: LGPL-3.0-or-later
"""The two-body descriptor with embedded types and attention among the neighbors."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepmd.contract import check_class
from deepmd_dp.descriptor.attention import NeighborGatedAttention, Neighbors, gated_neighbors
from deepmd_dp.descriptor.contraction import invariants
from deepmd_dp.dialect import ops
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import Array, Module, module, static
from deepmd_dp.dialect.precision import numpy_dtype, precision_name
from deepmd_dp.environment.env_mat import EnvMat
from deepmd_dp.environment.env_stat import EnvStat
from deepmd_dp.environment.environment import Environment
from deepmd_dp.environment.exclusion import Pairs, as_pairs, pair_weights
from deepmd_dp.nn.network import EmbeddingNetwork, NetworkCollection
from deepmd_dp.nn.type_embedding import TypeEmbedNet


@module
class SeAtten(Module):
    r"""DPA-1 descriptor `se_atten` (`dpa1`), and its variant `se_atten_v2`.

    As `se_e2_a`, but one embedding net serves all types: it takes (s, t_j, t_i), the switched
    inverse distance and the embedded types of neighbor and centre (`tebd_input_mode` concat),
    or G(s) (1 + T(t_j, t_i)) with a second net T (strip). Then attention layers let the
    neighbors' embeddings look at each other.

    References
    ----------
    Zhang et al., npj Comput. Mater. 10, 94 (2024) (DPA-1, arXiv:2208.08236).
    """

    embeddings: NetworkCollection
    embeddings_strip: NetworkCollection | None = None
    attention_layers: NeighborGatedAttention
    type_embedding: TypeEmbedNet
    stat: EnvStat
    env_mat: EnvMat
    sel: tuple[int, ...] = static()
    axis_neuron: int = static(default=16)
    is_v2: bool = static(default=False)
    smooth_type_embedding: bool = static(default=True)
    type_one_side: bool = static(default=False)
    concat_output_tebd: bool = static(default=True)
    exclude_types: Pairs = static(default=())
    set_davg_zero: bool = static(default=True)
    precision: str = static(default="float64")
    trainable: bool = static(default=True)
    type_map: tuple[str, ...] = static(default=())

    mixed_types = True
    """Whether the neighbors of all types come in one block."""

    @property
    def rcut(self) -> float:
        """Cut-off radius [Å]."""
        return self.env_mat.rcut

    @property
    def ntypes(self) -> int:
        return self.type_embedding.ntypes

    @property
    def _ninvariants(self) -> int:
        return self.embeddings.networks[0].neuron[-1] * self.axis_neuron

    @property
    def dim_out(self) -> int:
        """Width of the descriptor."""
        return self._ninvariants + (self.type_embedding.dim if self.concat_output_tebd else 0)

    def __call__(self, env: Environment) -> Array:
        """Descriptor of the local atoms, (nframes, nloc, dim_out)."""
        moments = self._moments(env) * (1.0 / sum(self.sel))
        xp = array_namespace(moments)
        descriptor = xp.reshape(invariants(moments, self.axis_neuron), (shape(moments)[0], self._ninvariants))
        if self.concat_output_tebd:
            own = xp.take(self.type_embedding(), xp.reshape(env.center_type, (-1,)), axis=0)
            descriptor = xp.concat([descriptor, own], axis=-1)
        return xp.reshape(descriptor, (*shape(env.atype), self.dim_out))

    def _moments(self, env: Environment) -> Array:
        """Rᵀ G, (nframes * nloc, 4, M)."""
        matrix, switch = self.env_mat(env.edge_vec[0])
        matrix = self.stat.normalize(matrix, 0, env.center_type)
        xp = array_namespace(matrix)
        nnei = shape(matrix)[2]
        weights = self.stat.weights(env, 0, self.exclude_types)
        rows = xp.reshape(matrix * weights[..., None], (-1, nnei, 4))
        kept = xp.reshape(self._kept(env, like=rows), (-1, nnei))
        switch = xp.reshape(xp.astype(switch, rows.dtype), (-1, nnei)) * kept
        neighbor_type = xp.reshape(env.neighbor_type[0], (-1, nnei))
        embedded = self._embed(env, rows[..., :1], neighbor_type, switch)
        if self.attention_layers.layers:
            embedded = self.attention_layers(embedded, self._neighbors(env, rows, kept, switch))
        moments = xp.matmul(xp.matrix_transpose(rows), embedded)
        return moments + self._empty_slot_moments(env) if self.stat.has_empty_slot_term else moments

    def _kept(self, env: Environment, like: Array) -> Array:
        """1 for a neighbor that is looked at, 0 for an empty or excluded slot, (nframes, nloc, nnei)."""
        xp = array_namespace(like)
        occupied = xp.astype(env.nlist[0] >= 0, like.dtype)
        return occupied * pair_weights(env, 0, self.exclude_types, like) if self.exclude_types else occupied

    def _neighbors(self, env: Environment, rows: Array, kept: Array, switch: Array) -> Neighbors:
        """What the attention needs; slots that differ are all in the list, others count in its `rest`."""
        xp = array_namespace(rows)
        rest = xp.reshape(self.stat.empty_slots(env, 0), (-1, 1))
        occupied = xp.reshape(xp.astype(env.nlist[0] >= 0, rows.dtype), (-1, shape(rows)[1]))
        return gated_neighbors(
            kept,
            xp.ones_like(kept) if self.stat.slots_differ else occupied,
            0.0 * rest if self.stat.slots_differ else rest,
            switch,
            ops.unit_vectors(rows[..., 1:]) if self.attention_layers.dotr else None,
            smooth=self.attention_layers.smooth,
        )

    def _embed(self, env: Environment, s: Array, neighbor_type: Array, switch: Array) -> Array:
        """Embedding G (n, nnei, M) of s (n, nnei, 1) with the types of the pair."""
        xp = array_namespace(s)
        nnei = shape(s)[1]
        center = xp.broadcast_to(xp.reshape(env.center_type, (-1, 1)), shape(neighbor_type))
        net = self.embeddings[()]
        if self.embeddings_strip is None:
            pair = [neighbor_type] if self.type_one_side else [neighbor_type, center]
            table = self.type_embedding()
            features = [
                xp.reshape(xp.take(table, xp.reshape(t, (-1,)), axis=0), (-1, nnei, table.shape[1])) for t in pair
            ]
            return net(xp.concat([s, *features], axis=-1))
        index = neighbor_type if self.type_one_side else center * self.ntypes + neighbor_type
        of_types = xp.take(self._type_pair_table(), xp.reshape(index, (-1,)), axis=0)
        of_types = xp.reshape(of_types, (-1, nnei, of_types.shape[1]))
        if self.smooth_type_embedding:
            of_types = of_types * switch[:, :, None]
        of_distance = net(s)
        return of_distance * of_types + of_distance

    def _type_pair_table(self) -> Array:
        """The strip net's output for each type, or pair of types at centre * ntypes + neighbor."""
        table = self.type_embedding()
        if self.type_one_side:
            return self.embeddings_strip[()](table)
        xp = array_namespace(table)
        dim, size = table.shape[1], (self.ntypes, self.ntypes, table.shape[1])
        neighbor = xp.broadcast_to(table[None, :, :], size)
        center = xp.broadcast_to(table[:, None, :], size)
        return self.embeddings_strip[()](xp.reshape(xp.concat([neighbor, center], axis=-1), (-1, 2 * dim)))

    def _empty_slot_moments(self, env: Environment) -> Array:
        """What the slots that the lists leave out contribute to Rᵀ G."""
        xp = array_namespace(env.atype)
        center = env.center_type
        empty = xp.take(self.stat.empty_slot(0), xp.reshape(center, (-1,)), axis=0)
        first = xp.reshape(xp.broadcast_to(center[:, :1], shape(center)), (-1, 1))
        s = empty[:, None, :1]
        embedded = self.attention_layers.of_empty_slot(self._embed(env, s, first, 0.0 * s[..., 0]))
        count = xp.reshape(self.stat.empty_slots(env, 0), (-1, 1, 1))
        return empty[:, :, None] * embedded * count

    def serialize(self) -> dict[str, Any]:
        net, attention = self.embeddings.networks[0], self.attention_layers
        data = {
            "@class": "Descriptor",
            "type": "se_atten_v2" if self.is_v2 else "dpa1",
            "@version": 2,
            "rcut": self.rcut,
            "rcut_smth": self.env_mat.rcut_smth,
            "sel": list(self.sel),
            "ntypes": self.ntypes,
            "neuron": net.neuron,
            "axis_neuron": self.axis_neuron,
            "tebd_dim": self.type_embedding.dim,
            "set_davg_zero": self.set_davg_zero,
            "attn": attention.hidden_dim,
            "attn_layer": len(attention.layers),
            "attn_dotr": attention.dotr,
            "attn_mask": attention.do_mask,
            "activation_function": net.layers[0].activation_function,
            "resnet_dt": net.resnet_dt,
            "scaling_factor": attention.scaling_factor,
            "normalize": attention.normalize,
            "temperature": attention.temperature,
            "trainable_ln": attention.trainable_ln,
            "ln_eps": attention.ln_eps,
            "type_one_side": self.type_one_side,
            "concat_output_tebd": self.concat_output_tebd,
            "use_econf_tebd": self.type_embedding.use_econf_tebd,
            "use_tebd_bias": self.type_embedding.use_tebd_bias,
            "type_map": list(self.type_map) or None,
            "precision": self.precision,
            "embeddings": self.embeddings.serialize(),
            "attention_layers": attention.serialize(),
            "env_mat": self.env_mat.serialize(),
            "type_embedding": self.type_embedding.serialize(),
            "exclude_types": [list(pair) for pair in self.exclude_types],
            "env_protection": self.env_mat.protection,
            "@variables": self.stat.serialize(),
            "trainable": self.trainable,
            "spin": None,
        }
        if not self.is_v2:
            data["tebd_input_mode"] = "concat" if self.embeddings_strip is None else "strip"
            data["smooth_type_embedding"] = self.smooth_type_embedding
        if self.embeddings_strip is not None:
            data["embeddings_strip"] = self.embeddings_strip.serialize()
        return data

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> SeAtten:
        check_class(data, "Descriptor", 1, 4)
        is_v2 = data["type"] == "se_atten_v2"
        smooth = True if is_v2 else data["smooth_type_embedding"]
        sel = tuple(data["sel"]) if isinstance(data["sel"], list) else (data["sel"],)
        strip = data.get("embeddings_strip")
        return cls(
            embeddings=NetworkCollection.deserialize(data["embeddings"], "se_atten embedding net"),
            embeddings_strip=None if strip is None else NetworkCollection.deserialize(strip, "se_atten strip net"),
            attention_layers=NeighborGatedAttention.deserialize(data["attention_layers"], smooth),
            type_embedding=TypeEmbedNet.deserialize(data["type_embedding"]),
            stat=EnvStat.deserialize(data["@variables"], data["ntypes"], (sum(sel),), "se_atten"),
            env_mat=EnvMat(rcut=data["rcut"], rcut_smth=data["rcut_smth"], protection=data.get("env_protection", 0.0)),
            sel=sel,
            axis_neuron=data["axis_neuron"],
            is_v2=is_v2,
            smooth_type_embedding=smooth,
            type_one_side=data["type_one_side"],
            concat_output_tebd=data["concat_output_tebd"],
            exclude_types=as_pairs(data.get("exclude_types", ())),
            set_davg_zero=data["set_davg_zero"],
            precision=precision_name(data["precision"]),
            trainable=data.get("trainable", True),
            type_map=tuple(data.get("type_map") or ()),
        )

    @classmethod
    def from_input(cls, section: dict[str, Any], type_map: list[str], rng: np.random.Generator) -> SeAtten:
        """A new descriptor of the input's section ``descriptor``, random weights, neutral statistics."""
        is_v2 = section["type"] == "se_atten_v2"
        is_strip = is_v2 or section["tebd_input_mode"] == "strip"
        smooth = True if is_v2 else section["smooth_type_embedding"]
        sel = (section["sel"],) if isinstance(section["sel"], int) else tuple(section["sel"])
        dim, sides = section["tebd_dim"], 1 if section["type_one_side"] else 2
        common = {"precision": section["precision"], "trainable": section["trainable"]}

        def new_net(nin: int) -> NetworkCollection:
            settings = {"activation_function": section["activation_function"], "resnet_dt": section["resnet_dt"]}
            net = EmbeddingNetwork.initial(rng, nin, section["neuron"], **settings, **common)
            return NetworkCollection(networks=(net,), ntypes=len(type_map))

        return cls(
            embeddings=new_net(1 if is_strip else 1 + sides * dim),
            embeddings_strip=new_net(sides * dim) if is_strip else None,
            attention_layers=NeighborGatedAttention.initial(
                rng,
                section["attn_layer"],
                trainable=section["trainable"],
                nnei=sum(sel),
                embed_dim=section["neuron"][-1],
                hidden_dim=section["attn"],
                dotr=section["attn_dotr"],
                do_mask=section["attn_mask"],
                scaling_factor=section["scaling_factor"],
                normalize=section["normalize"],
                temperature=section.get("temperature"),
                trainable_ln=section["trainable_ln"],
                ln_eps=1e-5 if section["ln_eps"] is None else section["ln_eps"],
                precision=precision_name(section["precision"]),
                smooth=smooth,
            ),
            type_embedding=TypeEmbedNet.initial(
                rng,
                dim,
                type_map,
                use_econf_tebd=section["use_econf_tebd"],
                use_tebd_bias=section["use_tebd_bias"],
                **common,
            ),
            stat=EnvStat.neutral(len(type_map), (sum(sel),), numpy_dtype(section["precision"])),
            env_mat=EnvMat(rcut=section["rcut"], rcut_smth=section["rcut_smth"], protection=section["env_protection"]),
            sel=sel,
            axis_neuron=section["axis_neuron"],
            is_v2=is_v2,
            smooth_type_embedding=smooth,
            type_one_side=section["type_one_side"],
            concat_output_tebd=section["concat_output_tebd"],
            exclude_types=as_pairs(section["exclude_types"]),
            set_davg_zero=section["set_davg_zero"],
            precision=precision_name(section["precision"]),
            trainable=section["trainable"],
            type_map=tuple(type_map),
        )
