# SPDX-License-Identifier: LGPL-3.0-or-later
"""The two-body embedding descriptor with full radial and angular information."""

from __future__ import annotations

from typing import Any, NamedTuple

from deepmd.contract import check_class
from deepmd_dp.descriptor.contraction import invariants
from deepmd_dp.dialect import ops
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import Array, Module, module, static
from deepmd_dp.dialect.precision import numpy_dtype, precision_name
from deepmd_dp.environment.env_mat import EnvMat
from deepmd_dp.environment.env_stat import EnvStat
from deepmd_dp.environment.environment import Environment, assemble
from deepmd_dp.environment.exclusion import Pairs, as_pairs
from deepmd_dp.nn.network import EmbeddingNetwork, NetworkCollection


class _Rows(NamedTuple):
    """The neighbors of one type around each of `n` centres."""

    env: Array  # (n, nnei, 4) normalised environment matrix
    weights: Array  # (n, nnei, 1)
    empty: Array | None  # (n, 4) environment of an empty slot
    nempty: Array | None  # (n,) how many of them

    def of(self, index: Array) -> _Rows:
        """The rows of some centres."""
        return _Rows(*(None if x is None else array_namespace(x).take(x, index, axis=0) for x in self))


@module
class SeE2A(Module):
    r"""DeepPot-SE descriptor `se_e2_a`.

    D_i = (1/N_c²) (G_i)ᵀ R_i (R_i)ᵀ G_i^<, where R_i (N_c, 4) is the normalised environment
    matrix, G_i (N_c, M) the embedding of its first column by a net of the pair's types, and
    G_i^< its first `axis_neuron` columns; N_c = sum(sel).

    References
    ----------
    Zhang et al., NeurIPS 2018 (arXiv:1805.09003), eq. 4-7.
    """

    embeddings: NetworkCollection
    stat: EnvStat
    env_mat: EnvMat
    sel: tuple[int, ...] = static()
    axis_neuron: int = static(default=4)
    type_one_side: bool = static(default=False)
    exclude_types: Pairs = static(default=())
    set_davg_zero: bool = static(default=False)
    precision: str = static(default="float64")
    trainable: bool = static(default=True)
    type_map: tuple[str, ...] = static(default=())

    mixed_types = False
    """Whether the neighbors of all types come in one block."""

    @property
    def rcut(self) -> float:
        """Cut-off radius [Å]."""
        return self.env_mat.rcut

    @property
    def ntypes(self) -> int:
        return len(self.sel)

    @property
    def dim_out(self) -> int:
        """Width of the descriptor."""
        return self.embeddings.networks[0].neuron[-1] * self.axis_neuron

    def __call__(self, env: Environment) -> Array:
        """Descriptor of the local atoms, (nframes, nloc, dim_out)."""
        blocks = [self._rows(env, block) for block in range(self.ntypes)]
        if self.type_one_side:
            moments = sum(self._moment(rows, (block,)) for block, rows in enumerate(blocks))
        else:
            moments = assemble(
                [
                    sum(self._moment(rows.of(index), (center, block)) for block, rows in enumerate(blocks))
                    for center, index in enumerate(env.centers)
                ],
                env,
            )
        descriptor = invariants(moments * (1.0 / sum(self.sel)), self.axis_neuron)
        xp = array_namespace(descriptor)
        return xp.reshape(descriptor, (*shape(env.atype), self.dim_out))

    def _rows(self, env: Environment, block: int) -> _Rows:
        matrix, _ = self.env_mat(env.edge_vec[block])
        matrix = self.stat.normalize(matrix, block, env.center_type)
        weights = self.stat.weights(env, block, self.exclude_types)
        xp = array_namespace(matrix)
        nnei = shape(matrix)[2]
        rows = _Rows(xp.reshape(matrix, (-1, nnei, 4)), xp.reshape(weights, (-1, nnei, 1)), None, None)
        if not self.stat.has_empty_slot_term:
            return rows
        empty = xp.take(self.stat.empty_slot(block), xp.reshape(env.center_type, (-1,)), axis=0)
        return rows._replace(empty=empty, nempty=xp.reshape(self.stat.empty_slots(env, block), (-1,)))

    def _moment(self, rows: _Rows, types: tuple[int, ...]) -> Array:
        """Rᵀ G of the neighbors of one type, (n, 4, M)."""
        net = self.embeddings[types]
        moment = ops.embedding_moments(rows.env[..., :1], rows.env, rows.weights, net.layers)
        if rows.empty is None or rows.nempty is None:
            return moment
        slot = rows.empty[:, :, None] * net(rows.empty[:, :1])[:, None, :]
        return moment + slot * rows.nempty[:, None, None]

    def serialize(self) -> dict[str, Any]:
        first = self.embeddings.networks[0]
        return {
            "@class": "Descriptor",
            "type": "se_e2_a",
            "@version": 2,
            "rcut": self.rcut,
            "rcut_smth": self.env_mat.rcut_smth,
            "sel": list(self.sel),
            "neuron": first.neuron,
            "axis_neuron": self.axis_neuron,
            "resnet_dt": first.resnet_dt,
            "set_davg_zero": self.set_davg_zero,
            "activation_function": first.layers[0].activation_function,
            "precision": self.precision,
            "embeddings": self.embeddings.serialize(),
            "env_mat": self.env_mat.serialize(),
            "exclude_types": [list(pair) for pair in self.exclude_types],
            "env_protection": self.env_mat.protection,
            "@variables": self.stat.serialize(),
            "type_map": list(self.type_map) or None,
            "trainable": self.trainable,
            "type_one_side": self.type_one_side,
            "spin": None,
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> SeE2A:
        check_class(data, "Descriptor", 1, 3)
        sel = tuple(data["sel"])
        return cls(
            embeddings=NetworkCollection.deserialize(data["embeddings"], "se_e2_a embedding net"),
            stat=EnvStat.deserialize(data["@variables"], len(sel), sel, "se_e2_a"),
            env_mat=EnvMat(rcut=data["rcut"], rcut_smth=data["rcut_smth"], protection=data.get("env_protection", 0.0)),
            sel=sel,
            axis_neuron=data["axis_neuron"],
            type_one_side=data["type_one_side"],
            exclude_types=as_pairs(data.get("exclude_types", ())),
            set_davg_zero=data.get("set_davg_zero", False),
            precision=precision_name(data["precision"]),
            trainable=data.get("trainable", True),
            type_map=tuple(data.get("type_map") or ()),
        )

    @classmethod
    def from_input(cls, section: dict[str, Any], type_map: list[str], rng: Any) -> SeE2A:
        """A new descriptor of the input's section ``descriptor``, random weights, neutral statistics."""
        ntypes, one_side = len(type_map), section["type_one_side"]
        sel = tuple(section["sel"])
        nets = tuple(
            EmbeddingNetwork.initial(
                rng,
                1,
                section["neuron"],
                activation_function=section["activation_function"],
                resnet_dt=section["resnet_dt"],
                precision=section["precision"],
                trainable=section["trainable"],
            )
            for _ in range(ntypes if one_side else ntypes**2)
        )
        return cls(
            embeddings=NetworkCollection(networks=nets, ndim=1 if one_side else 2, ntypes=ntypes),
            stat=EnvStat.neutral(ntypes, sel, numpy_dtype(section["precision"])),
            env_mat=EnvMat(rcut=section["rcut"], rcut_smth=section["rcut_smth"], protection=section["env_protection"]),
            sel=sel,
            axis_neuron=section["axis_neuron"],
            type_one_side=one_side,
            exclude_types=as_pairs(section["exclude_types"]),
            set_davg_zero=section["set_davg_zero"],
            precision=precision_name(section["precision"]),
            trainable=section["trainable"],
            type_map=tuple(type_map),
        )
