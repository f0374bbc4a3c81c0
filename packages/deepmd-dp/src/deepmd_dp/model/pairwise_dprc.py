# SPDX-License-Identifier: LGPL-3.0-or-later
"""Corrections of QM/MM energies, residue by residue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from deepmd.contract import check_class
from deepmd.errors import InputError, ModelFileError
from deepmd.outputs import ENERGY
from deepmd_dp.dialect.module import module
from deepmd_dp.environment.environment import Environment
from deepmd_dp.environment.fragments import Fragments
from deepmd_dp.environment.type_numbers import TypeNumbers
from deepmd_dp.interface import Model
from deepmd_dp.model import model_class, new_model
from deepmd_dp.model.base import new_base, read_base
from deepmd_dp.model.combined import CombinedModel, Weight, checked

IN_RESIDUES = "_qmmm"
"""What the names of types end in where atoms are those of a residue and the QM atoms around it."""
_BIASES = ("out_bias", "out_std")


@module
class PairwiseDPRcModel(CombinedModel):
    """E = E_QM(QM atoms) + Σ_k E_QM/MM(QM atoms and residue k).

    Which atom is what is told with each frame, in ``aparam`` (`Fragments`). The model sees each group of atoms by
    itself: atoms of the first half of its types the first of its models, those of the second half the second.

    References
    ----------
    Zeng, Giese, Ekesan, York, J. Chem. Theory Comput. 17, 6993 (2021); by residues: deepmd-kit 3.2, `pairwise_dprc`.
    """

    @property
    def expansion(self) -> Fragments:
        """Groups of atoms, with copies of the QM atoms."""
        return Fragments(tuple(name in self.models[0].type_map for name in self._names))

    @property
    def _names(self) -> tuple[str, ...]:
        return self.type_map[: len(self.type_map) // 2]

    @property
    def numbers(self) -> tuple[TypeNumbers, ...]:
        """The types of QM atoms are those of the first half, which the first of the models may lack some of."""
        names = self._names
        qm, qmmm = (tuple(_number(name, model) for name in names) for model in self.models)
        nobody = (-1,) * len(names)
        known = tuple(max(number, 0) for number in qm)
        return (
            TypeNumbers(qm + nobody, self.models[0].ntypes, known * 2),
            TypeNumbers(nobody + qmmm, self.models[1].ntypes, qmmm * 2),
        )

    @property
    def assigned_bias(self) -> Mapping[str, tuple[float | None, ...]]:
        """Energies of atoms far from all others, as the fittings have them."""
        bias: list[float | None] = [None] * self.ntypes
        for model, numbers in zip(self.models, self.numbers, strict=True):
            given = model.assigned_bias.get("energy")
            for t, number in enumerate(numbers.of_whole):
                if given is not None and number >= 0:
                    bias[t] = given[number]
        return {"energy": tuple(bias)}

    def weights_of(self, env: Environment) -> tuple[Weight, ...]:
        """Each counts."""
        del env
        return 1.0, 1.0

    def serialize(self) -> dict[str, Any]:
        """A tree in the contract's form, which deepmd-kit has no kind of: biases of groups stand apart."""
        base, ntypes = self.serialize_combined(), len(self._names)
        variables = base.pop("@variables")
        return {
            "@class": "Model",
            "type": "pairwise_dprc",
            "@version": 1,
            **base,
            "type_map": list(self._names),
            "atom_exclude_types": [t for t in self.atom_exclude_types if t < ntypes],
            "pair_exclude_types": [list(pair) for pair in self.pair_exclude_types if max(pair) < ntypes],
            "@variables": {name + end: variables[name][:, cut, :] for name in _BIASES for end, cut in _halves(ntypes)},
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PairwiseDPRcModel:
        """The model of such a tree."""
        check_class(data, "Model", 1, 1)
        models = [model_class(each.get("type")).deserialize(each) for each in data["models"]]
        if len(models) != 2:
            raise ModelFileError(f"a model `pairwise_dprc` is made of {len(models)} models; expected two: damaged.")
        halves = [name for name, _ in _halves(len(data["type_map"]))]
        joined = {
            name: np.concatenate([np.asarray(data["@variables"][name + end]) for end in halves], axis=1)
            for name in _BIASES
        }
        whole = {**_doubled(data), "@variables": joined}
        return cls(models=_checked(models, data["type_map"], ModelFileError), **read_base(whole, (ENERGY,)))

    @classmethod
    def from_input(cls, section: dict[str, Any], rng: np.random.Generator) -> PairwiseDPRcModel:
        """A new model of the input's section ``model``.

        Raises
        ------
        InputError
            The models don't go together.
        """
        type_map = section["type_map"]
        models = [new_model({"type_map": type_map, **section[name]}, rng) for name in ("qm_model", "qmmm_model")]
        return cls(models=_checked(models, type_map, InputError), **new_base(_doubled(section), (ENERGY,)))


def _number(name: str, model: Model) -> int:
    return model.type_map.index(name) if name in model.type_map else -1


def _halves(ntypes: int) -> tuple[tuple[str, slice], ...]:
    """Ends of arrays' names, and the types that stand there."""
    return ("", slice(None, ntypes)), (IN_RESIDUES, slice(ntypes, None))


def _doubled(section: dict[str, Any]) -> dict[str, Any]:
    """What a section or tree says of the types, for those of groups too."""
    names = list(section["type_map"])
    return {
        **section,
        "type_map": [*names, *(name + IN_RESIDUES for name in names)],
        "atom_exclude_types": [t + n for n in (0, len(names)) for t in section["atom_exclude_types"]],
        "pair_exclude_types": [[i + n, j + n] for n in (0, len(names)) for i, j in section["pair_exclude_types"]],
    }


def _checked(models: list[Model], type_map: list[str], error: type[InputError | ModelFileError]) -> tuple[Model, ...]:
    """The models; raises where one can't be a part, see `checked`."""
    parts = checked(models, tuple(name for name in type_map if name in models[0].type_map), error)
    lacking = [name for name in type_map if name not in models[1].type_map]
    if lacking:
        raise error(f"qmmm_model knows no {', '.join(lacking)}; expected all types, {', '.join(type_map)}.")
    for name, model in zip(("qm_model", "qmmm_model"), parts, strict=True):
        if model.dim_aparam:
            raise error(f"{name} takes aparam, which says of which residue an atom is; leave numb_aparam out.")
    return parts
