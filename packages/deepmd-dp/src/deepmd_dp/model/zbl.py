# SPDX-License-Identifier: LGPL-3.0-or-later
"""A net that goes over into a table where atoms come near each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from deepmd.contract import check_class
from deepmd.errors import InputError, ModelFileError
from deepmd.outputs import ENERGY
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.edge_rows import smooth_switch
from deepmd_dp.dialect.module import module, static
from deepmd_dp.dialect.settings import read_settings, setting, write_settings
from deepmd_dp.environment.environment import Environment, ListSpec
from deepmd_dp.interface import Model
from deepmd_dp.model import model_class
from deepmd_dp.model.base import new_base, read_base
from deepmd_dp.model.combined import CombinedModel, Weight, checked
from deepmd_dp.model.pairtab import PairTabModel
from deepmd_dp.model.standard import StandardModel

SMIN_ALPHA = 0.1
"""Where an input gives none [Å]."""
_LEAST = -650.0
"""Least exponent: of atoms so far apart that only the net counts."""


@module
class ZBLModel(CombinedModel):
    """E_i = (1 - w_i) E_net,i + w_i E_table,i.

    w_i is 1 where the distance σ_i of the nearest neighbor, as a soft minimum, is below `sw_rmin`, 0 beyond `sw_rmax`,
    a quintic between them, and 0 for an atom without neighbors:
    σ_i = Σ_j r_ij exp(-r_ij / α) / Σ_j exp(-r_ij / α) with α = `smin_alpha`.

    Attributes
    ----------
    models
        The net and the table.
    sw_rmin, sw_rmax, smin_alpha : [Å]
    adds_bias
        Whether the energies of the types are the whole's, b_i, or those of the net, so that they count 1 - w_i.

    References
    ----------
    Wang et al., Appl. Phys. Lett. 114, 244101 (2019), eqs. 3-5.
    """

    sw_rmin: float = setting(bounds=(0.0, 1e3))
    sw_rmax: float = setting(bounds=(0.0, 1e3))
    smin_alpha: float = setting(default=SMIN_ALPHA, bounds=(1e-6, 1e3))
    adds_bias: bool = static(default=True)

    @property
    def biased_part(self) -> str:
        """The whole, or the net; files need no more than that, so that `adds_bias` is a setting of new models."""
        return "" if self.adds_bias else "models.0."

    @property
    def assigned_bias(self) -> Mapping[str, tuple[float | None, ...]]:
        """Energies of atoms far from all others, as the net's fitting has them."""
        numbers, bias = self.numbers[0].of_whole, self.models[0].assigned_bias
        return {name: tuple(values[n] for n in numbers) for name, values in bias.items()}

    def weights_of(self, env: Environment) -> tuple[Weight, ...]:
        """What net and table count."""
        table = self._weight_of_table(env)
        return 1.0 - table, table

    def _weight_of_table(self, env: Environment) -> Float[Array, "nframes nloc 1"]:
        blocks = env.blocks(self._nearest_spec)
        xp = array_namespace(blocks[0].edge_vec)
        edge_vec = xp.concat([block.edge_vec for block in blocks], axis=2)
        distance = xp.sqrt(xp.sum(edge_vec * edge_vec, axis=-1))
        occupied = xp.astype(xp.concat([block.nlist for block in blocks], axis=2) >= 0, distance.dtype)
        exponent = -distance / self.smin_alpha
        # the sum's inverse must not overflow
        exponent = xp.where(exponent < _LEAST, _LEAST * xp.ones_like(exponent), exponent)
        terms = xp.exp(exponent) * occupied
        norm = xp.sum(terms, axis=-1, keepdims=True)
        has_neighbors = norm > 0.0
        softmin = xp.sum(terms * distance, axis=-1, keepdims=True) / xp.where(has_neighbors, norm, xp.ones_like(norm))
        switch = smooth_switch(softmin, self.sw_rmin, self.sw_rmax)
        return xp.where(has_neighbors, switch, xp.zeros_like(switch))

    @property
    def _nearest_spec(self) -> ListSpec:
        """Of the lists of net and table the one with more places, as deepmd-kit takes it."""
        net, table = self.models
        spec = max(net.lists, key=lambda each: each.rcut)
        return table.lists[0] if _sel(table) >= sum(net.capacities[spec]) else self.numbers[0].list_of_whole(spec)

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        head = {"@class": "Model", "type": "zbl", "@version": 2}
        return {**head, **self.serialize_combined(), "weights": "mean", **write_settings(self)}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> ZBLModel:
        """The model of the contract's tree."""
        check_class(data, "Model", 1, 2)
        models = [model_class(each.get("type")).deserialize(each) for each in data["models"]]
        if len(models) != 2 or not isinstance(models[1], PairTabModel):
            raise ModelFileError("a model of net and table has something else in it: damaged.")
        if not data["sw_rmin"] < data["sw_rmax"]:
            raise ModelFileError(f"sw_rmin {data['sw_rmin']} is not below sw_rmax {data['sw_rmax']}: damaged.")
        parts = checked(models, tuple(data["type_map"]), ModelFileError)
        return cls(models=parts, **read_base(data, (ENERGY,)), **read_settings(cls, data))

    @classmethod
    def from_input(cls, section: dict[str, Any], rng: np.random.Generator) -> ZBLModel:
        """A new model of the input's section ``model`` with a table, ``use_srtab``.

        Raises
        ------
        InputError
            See `PairTable.from_file`.
        """
        # what is left out, is left out of the whole
        part = {**section, "pair_exclude_types": [], "atom_exclude_types": [], "preset_out_bias": None}
        net = StandardModel.from_input(part, rng)
        spec = max(net.lists, key=lambda each: each.rcut)
        sel = sum(net.capacities[spec])
        table = PairTabModel.from_input({**part, "tab_file": section["use_srtab"], "rcut": net.rcut, "sel": sel}, rng)
        parts = checked([net, table], tuple(section["type_map"]), InputError)
        base, adds_bias = new_base(section, (ENERGY,), net.rcond), section["srtab_add_bias"]
        return cls(models=parts, adds_bias=adds_bias, **base, **read_settings(cls, section))


def _sel(model: Model) -> int:
    assert isinstance(model, PairTabModel), "the second one, as was checked"
    return model.sel
