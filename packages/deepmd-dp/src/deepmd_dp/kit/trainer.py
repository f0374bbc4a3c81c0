# SPDX-License-Identifier: LGPL-3.0-or-later
"""Training of a model of this library, up to what each framework does in its own way."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deepmd.charge_spin import CHARGE_SPIN, problem_of
from deepmd.contract import new_document
from deepmd.data.batch import DataRequirement, check_meaning
from deepmd.data.mask import mask_problem
from deepmd.errors import BackendError, DataError, InputError
from deepmd.outputs import all_terms
from deepmd.train.trainer import Trainer, TrainingState
from deepmd_dp.dialect.array import Array, AtomParameters, Float, FrameParameters, Shaped, total
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.module import leaves, map_leaves, trained_like, with_leaves
from deepmd_dp.environment.builder import build_environment, smallest_distance
from deepmd_dp.environment.charge_spin import charge_spin_of, default_charge_spin, takes_charge_spin, with_charge_spin
from deepmd_dp.environment.environment import Environment
from deepmd_dp.environment.expansion import expanded, outputs_of_atoms
from deepmd_dp.environment.neighbor_cache import NeighborCache
from deepmd_dp.environment.sides import other_side, sides
from deepmd_dp.kit.memory import keep_memory
from deepmd_dp.kit.processes import refuse_after_fork
from deepmd_dp.kit.same_model import check_same
from deepmd_dp.kit.state_file import read_state, write_state
from deepmd_dp.loss import new_loss
from deepmd_dp.loss.ener import HESSIAN
from deepmd_dp.loss.property import DEVIATION
from deepmd_dp.model import deserialize_model, model_class, new_model
from deepmd_dp.model.evaluate import evaluate
from deepmd_dp.model.hessian import NO_HESSIAN, evaluate_with_hessian
from deepmd_dp.nn.matrix import bases_of, expected_distance, with_bases, with_refined_bases, with_these_bases
from deepmd_dp.statistics import bias_labels, with_statistics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deepmd.aliases import Section
    from deepmd.data.batch import Batch
    from deepmd_dp.interface import Model
    from deepmd_dp.model.evaluate import Derivative

Gradients = dict[str, Array]
"""Derivatives of the loss by the parameters that it depends on, by path."""

HAS_SIDES = "has_sides"
"""Whether there are zero spins in a batch, see `deepmd_dp.environment.sides`; found or not, since programs differ."""
_CHECK_BASES = 100
"""Steps after which the nets' bases are checked again."""
_MARGIN = 0.85
"""So much nearer than in the batches seen atoms may come before the bases are found anew, which some frameworks compile
for."""


@dataclass(frozen=True)
class Prepared:
    """A batch as framework arrays, with its neighbor lists."""

    env: Environment
    labels: dict[str, Array]
    found: dict[str, bool]
    smallest_distance: float = math.inf  # of two atoms [Å]

    @property
    def fparam(self) -> FrameParameters:
        """Frame parameters."""
        return self.labels.get("fparam")

    @property
    def aparam(self) -> AtomParameters:
        """Atomic parameters."""
        return self.labels.get("aparam")


class _Zeros(np.random.Generator):
    """For models whose numbers don't matter."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))

    def normal(self, loc: object = 0.0, scale: object = 1.0, size: Any = ()) -> Any:
        return np.zeros(size)


class BaseTrainer(Trainer):
    """Holds the model as a NumPy tree beside the framework's parameters, and all that is common.

    A subclass holds the trained leaves under their paths in the framework's own way, computes the gradients and
    applies them; what is done to gradients in between is done here. It has no line about any descriptor, fitting or
    loss.
    """

    backend_name: ClassVar[str]
    breaks_on_fork: ClassVar[str | None] = None
    """The framework's name where it does not work in a copy of a process that has used it."""
    derives_thrice: ClassVar[bool] = True
    """Whether its derivative can be called within itself, and what that gives be derived by the parameters."""

    def __init__(self, config: Section, model: Model, optimizer: dict[str, np.ndarray]) -> None:
        if not any(leaf.trained for leaf in leaves(model)):
            raise InputError(
                "there is nothing to train in the model: it is a table, or of a file, or `trainable` is false "
                "everywhere; `dp test` evaluates a model file, and `linear_ener` puts a net beside it."
            )
        keep_memory()
        if self.breaks_on_fork is not None:
            refuse_after_fork(self.breaks_on_fork)
        self._config = config
        self._numpy_model = model
        self._loss = new_loss(config["loss"], config["learning_rate"]["start_lr"], outputs_of_atoms(model))
        if HESSIAN in self._loss.needs and not self.derives_thrice:
            raise BackendError(
                f"start_pref_h and limit_pref_h: {self.backend_name} has no third derivatives, which a training on "
                "Hessians needs; take another backend."
            )
        if HESSIAN in self._loss.needs and model.expansion is not None:
            raise InputError(f"start_pref_h and limit_pref_h: {NO_HESSIAN}")
        self._max_norm = config["training"].get("gradient_max_norm", 0.0)
        self._cache = NeighborCache(model)
        self._steps = 0
        self._smallest_distance = math.inf
        self.set_up(optimizer)

    @abstractmethod
    def set_up(self, optimizer: dict[str, np.ndarray]) -> None:
        """Makes parameters of the trained leaves, and the optimiser with these moments (none: a new one)."""

    @abstractmethod
    def rebuild(self) -> None:
        """Takes over settings of ``self._numpy_model`` that have changed; parameters and optimiser stay."""

    @abstractmethod
    def from_numpy(self, array: Shaped[np.ndarray, "*axes"]) -> Shaped[Array, "*axes"]:
        """The framework's array of these numbers, on the device used."""

    @abstractmethod
    def parameters(self) -> dict[str, np.ndarray]:
        """The trained leaves as they are now, by path."""

    @abstractmethod
    def moments(self) -> dict[str, np.ndarray]:
        """The optimiser's arrays, named ``<slot>/<path>``."""

    @abstractmethod
    def gradients(self, prepared: Prepared, lr: float) -> tuple[dict[str, float], Gradients]:
        """The metrics of a batch, and the derivatives of its loss."""

    @abstractmethod
    def apply(self, gradients: Gradients, lr: float) -> None:
        """One step of the optimiser; parameters without a gradient stay as they are."""

    @abstractmethod
    def metrics(self, prepared: Prepared, lr: float) -> dict[str, float]:
        """The metrics of a batch."""

    @classmethod
    def from_input(cls, config: Section, frames: Callable[[list[DataRequirement]], Iterable[Batch]]) -> Trainer:
        rng = np.random.default_rng(config["training"].get("seed"))
        model = new_model(config["model"], rng)
        batches = frames([*bias_labels(model.outputs), *_inputs(model)])
        return cls(config, with_statistics(model, batches, config["model"]), {})

    @classmethod
    def from_state(cls, config: Section, state: TrainingState) -> Trainer:
        model = deserialize_model(state.model["model"])
        # of the same structure, without its numbers; it goes through a tree as the other did, but needs no trial
        tree: Section = new_model(_without_seeds(config["model"]), _Zeros()).serialize()
        wanted = model_class(tree.get("type")).deserialize(tree)
        check_same(model, wanted, config["model"])
        trainer = cls(config, trained_like(model, wanted), state.optimizer)
        trainer._go_on(state)
        return trainer

    @property
    def requirements(self) -> list[DataRequirement]:
        return [*self._loss.requirements, *_inputs(self._numpy_model)]

    @property
    def label_sets(self) -> tuple[tuple[str, ...], ...]:
        return self._loss.label_sets

    def prepare(self, batch: Batch) -> Prepared:
        if self._numpy_model.takes_mask:
            check_meaning(batch, "aparam", mask_problem)
        batch = expanded(self._numpy_model, batch)
        _check_some_count(self._numpy_model, batch)
        env = build_environment(self._numpy_model, batch.coord, batch.box, batch.atype, self._cache.lists(batch))
        env = with_charge_spin(env, charge_spin_of(batch))
        nearest = smallest_distance(env)
        env, *others = sides(env, self._numpy_model)
        labels = {k: v for k, v in batch.labels.items() if k != CHARGE_SPIN and (k != "fparam" or batch.found.get(k))}
        env, labels = self.pad(env, labels)
        framework_labels = {k: self.from_numpy(v) for k, v in labels.items()}
        return Prepared(
            map_leaves(env, lambda _, array: self.from_numpy(np.asarray(array))),
            framework_labels,
            {**batch.found, **({HAS_SIDES: True} if others else {})},
            nearest,
        )

    def pad(self, env: Environment, labels: dict[str, np.ndarray]) -> tuple[Environment, dict[str, np.ndarray]]:
        """A batch's arrays, in NumPy, in the sizes that the framework wants: as they are, or padded."""
        return env, labels

    def step(self, prepared: Prepared, lr: float) -> dict[str, float]:
        self._reach(prepared.smallest_distance)
        metrics, gradients = self.gradients(prepared, lr)
        if math.isfinite(metrics["loss"]):
            self.apply(clip(gradients, self._max_norm), lr)
        self._steps += 1
        if self._steps % _CHECK_BASES == 0:
            self._refine_bases()
        return metrics

    def evaluate(self, prepared: Prepared, lr: float) -> dict[str, float]:
        self._reach(prepared.smallest_distance)
        return self.metrics(prepared, lr)

    def _reach(self, distance: float) -> None:
        """Sees to it that the nets' bases reach down to a distance, as files' do, and not much further [Å]."""
        least = expected_distance(self._numpy_model)
        distance = max(distance, least)
        if distance < self._smallest_distance:
            self._smallest_distance = max(_MARGIN * distance, least)
            self._numpy_model = with_bases(self._present_model(), self._smallest_distance)
            self.rebuild()

    def _refine_bases(self) -> None:
        """Splits intervals on which polynomials no longer represent the nets, whose weights have moved."""
        refined = with_refined_bases(self._present_model())
        if refined is not None:
            self._numpy_model = refined
            self.rebuild()

    def loss_and_metrics(
        self, model: Model, batch: Prepared, lr: float | Float[Array, ""], derivative: Derivative
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        """The loss of a model whose leaves are framework arrays; runs eagerly or traced.

        What `derivative` gives must itself be differentiable where the gradient of the loss is wanted.
        """
        output, needs = self._loss.output, self._loss.needs
        kinds = {term.kind for term in all_terms(self._numpy_model.outputs) if term.name in needs}
        parameters = batch.fparam, batch.aparam
        if HESSIAN in needs and batch.found[HESSIAN]:
            natoms = batch.labels[HESSIAN].shape[-1] // 9
            prediction = evaluate_with_hessian(model, batch.env, *parameters, derivative, natoms)
        else:
            first = derivative if kinds & {"force", "virial"} else None
            envs = [batch.env, *([other_side(batch.env)] if batch.found.get(HAS_SIDES) else [])]
            found = [evaluate(model, env, *parameters, first, virial="virial" in kinds) for env in envs]
            prediction = found[0]
            if len(found) > 1:
                prediction = {name: total(each[name] for each in found) * (1.0 / len(found)) for name in prediction}
        values = prediction[output.term_name("atom")]
        prediction["mask"] = model.mask(batch.env, values, only=output.selected_types)
        if DEVIATION in needs:
            prediction[DEVIATION] = model.deviation(batch.env, values)
        if model.expansion is not None:
            prediction |= model.expansion.of_atoms(prediction, batch.env, batch.labels)
        return self._loss(prediction, batch.labels, batch.found, lr)

    def trained_leaves(self) -> dict[str, np.ndarray]:
        """The first values of the leaves that are trained."""
        return {path: np.asarray(array) for path, array, trained in leaves(self._numpy_model) if trained}

    def _present_model(self) -> Model:
        return with_leaves(self._numpy_model, self.parameters())

    def state(self) -> TrainingState:
        model = self._present_model()
        script = self._config["model"] | ({"hessian_mode": True} if HESSIAN in self._loss.needs else {})
        document = new_document(model.serialize(), backend=self.backend_name, model_def_script=script)
        return TrainingState(model=document, optimizer=self.moments(), loop=self._saved_reach())

    def _saved_reach(self) -> dict[str, Any]:
        """What the bases are and how far they reach, for `_go_on`; nothing before the first step."""
        if not math.isfinite(self._smallest_distance):
            return {}
        return {"reach": self._smallest_distance, "bases": bases_of(self._numpy_model)}

    def _go_on(self, state: TrainingState) -> None:
        """Takes over the bases of a training that is gone on with: others would give other numbers, in rounding."""
        self._steps = state.step
        if (distance := state.loop.get("reach")) is not None:
            self._smallest_distance = float(distance)
            self._numpy_model = with_these_bases(self._numpy_model, state.loop.get("bases", {}))
            self.rebuild()

    @classmethod
    def write_checkpoint(cls, path: str, state: TrainingState) -> None:
        """In the safetensors format; a framework with a format of its own writes that."""
        write_state(path, state)

    @classmethod
    def read_checkpoint(cls, path: str) -> TrainingState:
        return read_state(path)


def _without_seeds(section: Any) -> Any:
    """The section with no generators of its own."""
    if isinstance(section, list):
        return [_without_seeds(each) for each in section]
    if isinstance(section, dict):
        return {key: _without_seeds(each) for key, each in section.items() if key != "seed"}
    return section


def _inputs(model: Model) -> list[DataRequirement]:
    """What a model takes of the data beside the atoms."""
    inputs = []
    if model.dim_fparam:
        inputs.append(DataRequirement("fparam", model.dim_fparam, must=model.default_fparam is None))
    if model.dim_aparam:
        problem = mask_problem if model.takes_mask else None
        inputs.append(DataRequirement("aparam", model.dim_aparam, atomic=True, must=True, problem=problem))
    if (expansion := model.expansion) is not None:
        how: dict[str, Any] = {"atomic": True, "must": True, "problem": expansion.problem}
        inputs.append(DataRequirement(expansion.label, expansion.ncomponents, **how))
    if takes_charge_spin(model):
        inputs.append(DataRequirement(CHARGE_SPIN, 2, must=default_charge_spin(model) is None, problem=problem_of))
    return inputs


def _check_some_count(model: Model, batch: Batch) -> None:
    """Raises DataError where none of a frame's atoms has an output, whose mean over these is infinite."""
    counts = ((batch.atype >= 0) & ~np.isin(batch.atype, model.atom_exclude_types)).any(axis=1)
    if not counts.all():
        raise DataError(
            f"system {batch.system}: all atoms of frame {batch.frames[int(np.argmin(counts))]} are left out, by their "
            "types or by aparam; nothing is learned from it: remove this frame."
        )


def clip(gradients: Gradients, max_norm: float) -> Gradients:
    """The gradients, all scaled by one factor where their common length is above `max_norm` [1]; 0: as they are."""
    if max_norm <= 0.0 or not gradients:
        return gradients
    squares = sum(float(array_namespace(each).sum(each * each)) for each in gradients.values())
    factor = min(1.0, max_norm / (math.sqrt(squares) + 1e-6))
    return gradients if factor == 1.0 else {path: each * factor for path, each in gradients.items()}
