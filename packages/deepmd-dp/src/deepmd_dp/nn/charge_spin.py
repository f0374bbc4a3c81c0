# SPDX-License-Identifier: LGPL-3.0-or-later
"""A vector for each total charge and each spin of a frame, by which one model serves ions and several spin states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from deepmd.charge_spin import CHARGES, SPINS, problem_of
from deepmd.errors import ModelFileError
from deepmd_dp.dialect.activations import activation
from deepmd_dp.dialect.array import Array, Float, Int
from deepmd_dp.dialect.array_api import array_namespace, constant
from deepmd_dp.dialect.module import Module, Node, module, modules, static
from deepmd_dp.nn.network import Layer
from deepmd_dp.nn.type_embedding import TypeEmbedNet


@module
class ChargeSpinEmbedding(Module):
    """φ([c_q, s_m] W + b): the trained vectors c of a frame's charge q and s of its spin m, mixed.

    Attributes
    ----------
    default
        Charge and spin of frames of which they are not known; None: they must be.
    """

    charge: TypeEmbedNet
    spin: TypeEmbedNet
    mix: Layer
    activation_function: str = static(default="silu")
    default: tuple[int, int] | None = static(default=None)

    def __call__(self, charge_spin: Int[Array, "nframes 2"]) -> Float[Array, "nframes dim"]:
        """One row a frame."""
        charge = _rows(self.charge, charge_spin[:, 0] - CHARGES.start)
        spin = _rows(self.spin, charge_spin[:, 1] - SPINS.start)
        both = array_namespace(charge).concat([charge, spin], axis=-1)
        return activation(self.activation_function)(self.mix(both))

    def serialize(self) -> dict[str, Any]:
        """The entries of the contract's tree of a descriptor."""
        return {
            "add_chg_spin_ebd": True,
            "default_chg_spin": None if self.default is None else [float(each) for each in self.default],
            "chg_embedding": self.charge.serialize(),
            "spin_embedding": self.spin.serialize(),
            "mix_cs_mlp": self.mix.serialize(),
        }

    @classmethod
    def deserialize(cls, data: Mapping[str, Any], where: str) -> ChargeSpinEmbedding | None:
        """That of a descriptor's tree; None: it has none.

        Raises
        ------
        ModelFileError
            It is made for other charges and spins than deepmd-kit's, or its default is none of them.
        """
        if not data.get("add_chg_spin_ebd", False):
            return None
        nets = [TypeEmbedNet.deserialize(data[name]) for name in ("chg_embedding", "spin_embedding")]
        sizes, expected = [net.ntypes for net in nets], [len(CHARGES), len(SPINS)]
        if sizes != expected:
            raise ModelFileError(f"{where}: the model has {sizes} charges and spins; expected {expected}: damaged.")
        return cls(
            charge=nets[0],
            spin=nets[1],
            mix=Layer.deserialize(data["mix_cs_mlp"], f"{where}, mix_cs_mlp"),
            activation_function=data["activation_function"],
            default=_read_default(data.get("default_chg_spin"), where),
        )

    @classmethod
    def initial(cls, section: Mapping[str, Any], dim: int, rng: np.random.Generator) -> ChargeSpinEmbedding | None:
        """A new one of a descriptor's section of the input, random weights; None: it asks for none."""
        if not section.get("add_chg_spin_ebd", False):
            return None
        common = {name: section[name] for name in ("precision", "trainable")}
        nets = [TypeEmbedNet.initial(rng, [dim], [""] * size, **common) for size in (len(CHARGES), len(SPINS))]
        return cls(
            charge=replace(nets[0], type_map=()),
            spin=replace(nets[1], type_map=()),
            mix=Layer.initial(rng, 2 * dim, dim, **common),
            activation_function=section["activation_function"],
            default=_read_default(section["default_chg_spin"]),
        )


def _read_default(values: Any, where: str = "input") -> tuple[int, int] | None:
    if values is None:
        return None
    pair = np.ravel(values).tolist()
    problem = problem_of([pair]) if len(pair) == 2 else (0, f"holds {len(pair)} numbers, not 2")
    if problem:
        raise ModelFileError(f"{where}: default_chg_spin {problem[1]}: damaged.")
    return int(pair[0]), int(pair[1])


def _rows(net: TypeEmbedNet, index: Int[Array, "n"]) -> Float[Array, "n dim"]:
    """Some rows of what the net gives; those of unknown numbers are the net's of zeros."""
    w = net.embedding.layers[0].w
    known = constant(np.arange(net.ntypes), like=index)
    xp = array_namespace(index)
    return net.embedding(xp.astype(xp.equal(index[:, None], known[None, :]), w.dtype))


def nets_of_types(model: Node) -> list[TypeEmbedNet]:
    """The nets in a model that embed types, not charges or spins; each once."""
    others = [id(net) for _, each in modules(model, ChargeSpinEmbedding) for net in (each.charge, each.spin)]
    found = {id(net): net for _, net in modules(model, TypeEmbedNet)}
    return [net for key, net in found.items() if key not in others]
