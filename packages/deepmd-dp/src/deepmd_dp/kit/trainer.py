# SPDX-License-Identifier: LGPL-3.0-or-later
"""Training of a model of this library, up to the step that each framework does in its own way."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deepmd.contract import new_document
from deepmd.data.batch import DataRequirement
from deepmd.train.trainer import Trainer, TrainingState
from deepmd_dp.dialect.module import Array, leaves, map_leaves, with_leaves
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.environment.environment import Environment
from deepmd_dp.environment.neighbor_cache import NeighborCache
from deepmd_dp.kit.state_file import read_state, write_state
from deepmd_dp.loss import new_loss
from deepmd_dp.model import deserialize_model, new_model
from deepmd_dp.model.derivatives import energy_terms, force_terms
from deepmd_dp.statistics import with_statistics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deepmd.data.batch import Batch


@dataclass(frozen=True)
class Prepared:
    """A batch as framework arrays, with its neighbor lists."""

    env: Environment
    labels: dict[str, Array]
    found: dict[str, bool]

    @property
    def fparam(self) -> Array | None:
        return self.labels.get("fparam")

    @property
    def aparam(self) -> Array | None:
        return self.labels.get("aparam")


class BaseTrainer(Trainer):
    """Holds the model as a NumPy tree beside the framework's parameters, and all that is common.

    A subclass holds the trained leaves under their paths in the framework's own way and does
    the step; it has no line about any descriptor, fitting or loss.
    """

    backend_name: ClassVar[str]

    def __init__(self, config: dict, model: Any, optimizer: dict[str, np.ndarray]) -> None:
        self._config = config
        self._numpy_model = model
        self._loss = new_loss(config["loss"], config["learning_rate"]["start_lr"])
        self._cache = NeighborCache(model)
        self.set_up(optimizer)

    @abstractmethod
    def set_up(self, optimizer: dict[str, np.ndarray]) -> None:
        """Makes parameters of the trained leaves, and the optimiser with these moments (none: a new one)."""

    @abstractmethod
    def from_numpy(self, array: np.ndarray) -> Array:
        """The framework's array of these numbers, on the device used."""

    @abstractmethod
    def parameters(self) -> dict[str, np.ndarray]:
        """The trained leaves as they are now, by path."""

    @abstractmethod
    def moments(self) -> dict[str, np.ndarray]:
        """The optimiser's arrays, named ``<slot>/<path>``."""

    @classmethod
    def from_input(cls, config: dict, frames: Callable[[], Iterable[Batch]]) -> Trainer:
        rng = np.random.default_rng(config["training"].get("seed"))
        model = new_model(config["model"], rng)
        return cls(config, with_statistics(model, frames(), config["model"]), {})

    @classmethod
    def from_state(cls, config: dict, state: TrainingState) -> Trainer:
        return cls(config, deserialize_model(state.model["model"]), state.optimizer)

    @property
    def requirements(self) -> list[DataRequirement]:
        fitting = self._numpy_model.fitting
        inputs = []
        if fitting.numb_fparam:
            must = fitting.default_fparam is None
            inputs.append(DataRequirement("fparam", fitting.numb_fparam, must=must))
        if fitting.numb_aparam:
            inputs.append(DataRequirement("aparam", fitting.numb_aparam, atomic=True, must=True))
        return [*self._loss.requirements, *inputs]

    def prepare(self, batch: Batch) -> Prepared:
        env = build_environment(self._numpy_model, batch.coord, batch.box, batch.atype, self._cache.lists(batch))
        labels = {k: v for k, v in batch.labels.items() if k != "fparam" or batch.found.get(k)}
        env, labels = self.arrange(env, labels)
        framework_labels = {k: self.from_numpy(v) for k, v in labels.items()}
        return Prepared(map_leaves(env, lambda _, array: self.from_numpy(array)), framework_labels, dict(batch.found))

    def arrange(self, env: Environment, labels: dict[str, np.ndarray]) -> tuple[Environment, dict[str, np.ndarray]]:
        """A batch's arrays, in NumPy, in the sizes that the framework wants: as they are, or padded."""
        return env, labels

    def loss_and_metrics(
        self, model: Any, batch: Prepared, lr: float, energy_and_gradient: Callable[..., Any]
    ) -> tuple[Array, dict[str, Array]]:
        """The loss of a model whose leaves are framework arrays; runs eagerly or traced.

        `energy_and_gradient(model, env, fparam, aparam)` gives the atomic energies and dE/d(edge_vec),
        themselves differentiable.
        """
        env = batch.env
        if self._loss.needs_force or self._loss.needs_virial:
            energy, gradient = energy_and_gradient(model, env, batch.fparam, batch.aparam)
            prediction = force_terms(env, gradient, virial=self._loss.needs_virial, atomic=False)
        else:
            energy, prediction = model(env, batch.fparam, batch.aparam), {}
        prediction |= energy_terms(energy) | {"mask": model.mask(env, like=energy)}
        return self._loss(prediction, batch.labels, batch.found, lr)

    def trained_leaves(self) -> dict[str, np.ndarray]:
        """The first values of the leaves that are trained."""
        return {path: array for path, array, trained in leaves(self._numpy_model) if trained}

    def state(self) -> TrainingState:
        model = with_leaves(self._numpy_model, self.parameters())
        document = new_document(model.serialize(), backend=self.backend_name, model_def_script=self._config["model"])
        return TrainingState(model=document, optimizer=self.moments())

    @classmethod
    def write_checkpoint(cls, path: str, state: TrainingState) -> None:
        """In the safetensors format; a framework with a format of its own writes that."""
        write_state(path, state)

    @classmethod
    def read_checkpoint(cls, path: str) -> TrainingState:
        return read_state(path)
