# SPDX-License-Identifier: LGPL-3.0-or-later
"""A linear combination of potentials."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepmd.contract import check_class
from deepmd.errors import InputError, ModelFileError
from deepmd.outputs import ENERGY
from deepmd_dp.dialect.module import module, static
from deepmd_dp.dialect.settings import hashable, plain
from deepmd_dp.environment.environment import Environment
from deepmd_dp.model import model_class, new_model
from deepmd_dp.model.base import new_base, read_base
from deepmd_dp.model.combined import CombinedModel, Weight, checked

NAMED_WEIGHTS = ("mean", "sum")


@module
class LinearEnergyModel(CombinedModel):
    """E_i = Σ_k w_k E_k,i with constant weights.

    Attributes
    ----------
    weights
        ``sum``: 1 each; ``mean``: one over their number; or a number for each.
    """

    weights: str | tuple[float, ...] = static()

    def weights_of(self, env: Environment) -> tuple[Weight, ...]:
        """What each of the energies counts, the same for all atoms."""
        del env
        if isinstance(self.weights, str):
            return (1.0 if self.weights == "sum" else 1.0 / len(self.models),) * len(self.models)
        return self.weights

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        head = {"@class": "Model", "type": "linear", "@version": 3}
        return {**head, **self.serialize_combined(), "weights": plain(self.weights)}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> LinearEnergyModel:
        """The model of the contract's tree."""
        check_class(data, "Model", 1, 3)
        models = [model_class(each.get("type")).deserialize(each) for each in data["models"]]
        weights, type_map = _weights(data.get("weights", "mean")), hashable(data["type_map"])
        _check_weights(weights, len(models), ModelFileError)
        return cls(models=checked(models, type_map, ModelFileError), weights=weights, **read_base(data, (ENERGY,)))

    @classmethod
    def from_input(cls, section: dict[str, Any], rng: np.random.Generator) -> LinearEnergyModel:
        """A new model of the input's section ``model``.

        Raises
        ------
        InputError
            The models don't go together.
        """
        type_map = section["type_map"]
        models = [new_model({**each, "type_map": each.get("type_map", type_map)}, rng) for each in section["models"]]
        weights = _weights(section["weights"])
        _check_weights(weights, len(models), InputError)
        return cls(models=checked(models, tuple(type_map), InputError), weights=weights, **new_base(section, (ENERGY,)))


def _weights(given: str | list[float]) -> str | tuple[float, ...]:
    return given if isinstance(given, str) else tuple(map(float, given))


def _check_weights(weights: str | tuple[float, ...], number: int, error: type[InputError | ModelFileError]) -> None:
    """Raises where weights are none for so many models."""
    if not number:
        raise error("a linear combination of no models; expected one or more.")
    if isinstance(weights, str):
        if weights not in NAMED_WEIGHTS:
            raise error(f"weights is {weights!r}; expected {', '.join(NAMED_WEIGHTS)} or a list of numbers.")
    elif len(weights) != number:
        raise error(f"weights is a list of {len(weights)}; expected {number} numbers, one for each of models.")
