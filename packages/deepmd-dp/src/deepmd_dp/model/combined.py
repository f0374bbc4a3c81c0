# SPDX-License-Identifier: LGPL-3.0-or-later
"""Potentials made of several: their energies with weights."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from deepmd.errors import InputError, ModelFileError
from deepmd.outputs import ENERGY
from deepmd_dp.dialect.array import Array, AtomParameters, Float, FrameParameters, total
from deepmd_dp.dialect.module import module
from deepmd_dp.environment.environment import Environment, ListSpec, widest
from deepmd_dp.environment.exclusion import without_pairs
from deepmd_dp.environment.type_numbers import TypeNumbers
from deepmd_dp.interface import Model
from deepmd_dp.model.base import BaseModel
from deepmd_dp.model.pairtab import PairTabModel

Weight = float | Float[Array, "nframes nloc 1"]


@module
class CombinedModel(BaseModel):
    """E_i = Σ_k w_k E_k,i of some potentials; each sees the atoms in its types, the lists and parameters that it takes.

    The bias of the types is that of the whole: those of the parts, 0 in a new model, stay.
    """

    models: tuple[Model, ...]

    @abstractmethod
    def weights_of(self, env: Environment) -> tuple[Weight, ...]:
        """What each of the energies counts."""

    @property
    def numbers(self) -> tuple[TypeNumbers, ...]:
        """The types of each of the models, which may have more than the whole and others in their order."""
        return tuple(TypeNumbers.by_name(model.type_map, self.type_map) for model in self.models)

    @property
    def capacities(self) -> dict[ListSpec, tuple[int, ...]]:
        """All lists that any of the models looks at, no two the same, each with the `sel` of its blocks."""
        return widest(
            (numbers.list_of_whole(spec), numbers.blocks_of_whole(spec, sel))
            for model, numbers in zip(self.models, self.numbers, strict=True)
            for spec, sel in model.capacities.items()
        )

    def bytes_per_atom(self, nnei: Mapping[ListSpec, int]) -> int:
        """Memory that all of them hold for an atom with so many neighbors in each list."""
        parts = zip(self.models, self.numbers, strict=True)
        return sum(
            model.bytes_per_atom({spec: nnei[numbers.list_of_whole(spec)] for spec in model.lists})
            for model, numbers in parts
        )

    @property
    def uses_type_index(self) -> bool:
        """Whether any of them does."""
        return any(model.uses_type_index for model in self.models)

    @property
    def messages(self) -> tuple[ListSpec, ...]:
        """For each time that features go from atom to atom in any of them, the widest list along which they do."""
        parts = zip(self.models, self.numbers, strict=True)
        times = zip_longest(*([numbers.list_of_whole(spec) for spec in model.messages] for model, numbers in parts))
        return tuple(max((spec for spec in specs if spec), key=lambda spec: spec.rcut) for specs in times)

    @property
    def dim_fparam(self) -> int:
        """Number of frame parameters; models that take any take the same."""
        return max(model.dim_fparam for model in self.models)

    @property
    def dim_aparam(self) -> int:
        """Number of parameters of an atom; models that take any take the same."""
        return max(model.dim_aparam for model in self.models)

    @property
    def default_fparam(self) -> tuple[float, ...] | None:
        """Frame parameters where none are given, if all that take any have the same."""
        found = {model.default_fparam for model in self.models if model.dim_fparam}
        return found.pop() if len(found) == 1 else None

    def __call__(
        self, env: Environment, fparam: FrameParameters = None, aparam: AtomParameters = None
    ) -> dict[str, Float[Array, "nframes nloc 1"]]:
        """Atomic energies, ``energy`` [eV]."""
        energies = [self._energy(k, env, fparam, aparam) for k in range(len(self.models))]
        weighted = [weight * energy for weight, energy in zip(self.weights_of(env), energies, strict=True)]
        return self.biased_energy(total(weighted), env)

    def _energy(self, index: int, env: Environment, fparam: Array | None, aparam: Array | None) -> Array:
        model = self.models[index]
        parameters = fparam if model.dim_fparam else None, aparam if model.dim_aparam else None
        return model(self.seen_by(index, env), *parameters)["energy"]

    def seen_by(self, index: int, env: Environment) -> Environment:
        """The surroundings as one of the models sees them: in its types, without the pairs that it leaves out."""
        model, numbers = self.models[index], self.numbers[index]
        seen, own = numbers.seen(env, model.lists), model.pair_exclude_types
        if numbers.are_the_same:
            own = tuple(pair for pair in own if pair not in self.pair_exclude_types)
        return without_pairs(seen, own, model.ntypes) if own else seen

    @property
    def _described(self) -> int:
        """Number of the first of them that is more than a table; InputError: there is none."""
        found = [k for k, model in enumerate(self.models) if not isinstance(model, PairTabModel)]
        if not found:
            raise InputError("the model is made of tables only, which have no descriptor and no net.")
        return found[0]

    def describe(self, env: Environment) -> Float[Array, "nframes nloc dim"]:
        """The descriptor of the local atoms, of the first model that has one."""
        return self.models[self._described].describe(self.seen_by(self._described, env))

    def features(
        self, env: Environment, fparam: FrameParameters = None, aparam: AtomParameters = None
    ) -> Float[Array, "nframes nloc width"]:
        """What the last layer of the fitting's nets takes, of the first model that has a descriptor."""
        model = self.models[self._described]
        parameters = fparam if model.dim_fparam else None, aparam if model.dim_aparam else None
        return model.features(self.seen_by(self._described, env), *parameters)

    def serialize_combined(self) -> dict[str, Any]:
        """The entries of the contract's tree that all combinations have."""
        return {**self.serialize_base(), "models": [model.serialize() for model in self.models]}


def checked(
    models: list[Model], type_map: tuple[str, ...], error: type[InputError | ModelFileError]
) -> tuple[Model, ...]:
    """The models of a combination, those with tables looking at lists that the others have anyway.

    Raises
    ------
    error
        One gives no energy, or more than that; takes spins; lacks a type; or takes other parameters than another one.
    """
    for number, model in enumerate(models):
        if model.outputs != (ENERGY,):
            names = ", ".join(output.name for output in model.outputs)
            raise error(f"models/{number} gives {names}; only potentials, which give an energy, are combined.")
        lacking = [name for name in type_map if name not in model.type_map]
        if lacking:
            raise error(
                f"models/{number} knows no {', '.join(lacking)}, only {', '.join(model.type_map)}; expected all types "
                f"of the whole, {', '.join(type_map)}, in any order: leave it out, or the types that it lacks."
            )
        if model.expansion is not None:
            raise error(f"models/{number} takes {model.expansion.label} of atoms; such models are not combined.")
    for name in ("dim_fparam", "dim_aparam"):
        sizes = sorted({getattr(model, name) for model in models} - {0})
        if len(sizes) > 1:
            raise error(
                f"the models take {' and '.join(map(str, sizes))} numbers as {name.removeprefix('dim_')}, but all get "
                "the same; give them equal numbers, or 0."
            )
    lists = {spec for model in models for spec in model.lists}
    return tuple(_sharing(model, lists) for model in models)


def _sharing(model: Model, lists: set[ListSpec]) -> Model:
    """A table looks at the list of each type that a net has within its cut-off."""
    if isinstance(model, PairTabModel) and ListSpec(model.rcut, by_type=True) in lists:
        return replace(model, by_type=True)
    return model
