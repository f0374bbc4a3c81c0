# SPDX-License-Identifier: LGPL-3.0-or-later
"""Small trainings without files, and their loss as NumPy computes it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.backend.discovery import find_backend
from deepmd.data import Batch
from deepmd.train import TrainingState
from deepmd_dp.conformance.documents import full_input, random_document
from deepmd_dp.conformance.frames import FRAMES
from deepmd_dp.dialect.module import leaves
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.environment.charge_spin import charge_spin_of, with_charge_spin
from deepmd_dp.environment.expansion import expanded, outputs_of_atoms
from deepmd_dp.loss import new_loss
from deepmd_dp.model import deserialize_model
from deepmd_dp.model.evaluate import evaluate
from deepmd_dp.numpy_backend.derivative import derivative

if TYPE_CHECKING:
    from deepmd.outputs import OutputDef
    from deepmd.train import Trainer
    from deepmd_dp.conformance.cases import Case

LEARNING_RATE = 1e-3
GRADIENT_FRAMES = "periodic and triclinic"
PREFACTORS = {"e": (0.2, 1.0), "f": (10.0, 1.0), "v": (0.1, 1.0), "ae": (0.3, 1.0)}
SPIN_PREFACTORS = {"e": (0.2, 1.0), "fr": (10.0, 1.0), "fm": (5.0, 2.0), "v": (0.1, 1.0), "ae": (0.3, 1.0)}
ENDS = ("start", "limit")
LOSSES: dict[str, dict[str, Any]] = {
    "ener": {f"{end}_pref_{term}": pair[i] for term, pair in PREFACTORS.items() for i, end in enumerate(ENDS)},
    "spin": {"type": "ener_spin"}
    | {f"{end}_pref_{term}": pair[i] for term, pair in SPIN_PREFACTORS.items() for i, end in enumerate(ENDS)},
    "dipole": {"type": "tensor", "pref": 0.4, "pref_atomic": 1.5},
    "polar": {"type": "tensor", "pref": 0.4, "pref_atomic": 1.5},
    "dos": {"type": "dos"} | {f"{end}_pref_{term}": 1.0 for end in ENDS for term in ("dos", "cdf", "ados", "acdf")},
    "population": {"type": "population", "loss_func": "smooth_mae", "beta": 0.3},
    "property": {"type": "property", "metric": ["mae", "rmse"]},
}
"""The loss of each kind of fitting, and of models of spins."""


def config_of(case: Case, **training: Any) -> dict[str, Any]:
    """The normalised input of a training with all terms that there are labels for."""
    settings = {"training_data": {"systems": ["none"]}, "numb_steps": 100, "seed": 1, **training}
    kind = "spin" if "spin" in case.model else case.fitting.get("type", "ener")
    return full_input(case, loss=LOSSES[kind], training=settings)


def make_batch(case: Case, frames: str) -> Batch:
    """A batch with made-up labels: all that the loss can look at."""
    chosen, config = FRAMES[frames], config_of(case)
    nframes, natoms = chosen.atom_types.shape
    rng = np.random.default_rng(11)
    labels = {}
    for each in new_loss(config["loss"], config["learning_rate"]["start_lr"], outputs_of(case)).requirements:
        size = (nframes, natoms, each.ndof) if each.atomic else (nframes, each.ndof)
        labels[each.key] = rng.normal(size=size)
        if each.selected_types is not None:
            labels[each.key] *= np.isin(chosen.atom_types, each.selected_types)[:, :, None]
    labels |= chosen.parameters(case.fitting.get("numb_fparam", 0), case.fitting.get("numb_aparam", 0))
    if "spin" in case.model:
        labels["spin"] = chosen.spins()
    if case.descriptor.get("add_chg_spin_ebd"):
        labels["charge_spin"] = chosen.charges_and_spins()
    found = dict.fromkeys(labels, True)
    return Batch(
        chosen.coords, chosen.cells, chosen.atom_types, labels, found, system=frames, frames=np.arange(nframes)
    )


@cache
def outputs_of(case: Case) -> tuple[OutputDef, ...]:
    """What the case's model gives."""
    return outputs_of_atoms(deserialize_model(random_document(case)["model"]))


def numpy_loss(config: dict[str, Any], model: Any, batch: Batch, lr: float) -> dict[str, float]:
    """The loss of a model of NumPy arrays and the metrics shown beside it."""
    batch = expanded(model, batch)
    env = with_charge_spin(build_environment(model, batch.coord, batch.box, batch.atype), charge_spin_of(batch))
    prediction = evaluate(model, env, batch.labels.get("fparam"), batch.labels.get("aparam"), derivative)
    loss = new_loss(config["loss"], config["learning_rate"]["start_lr"], outputs_of_atoms(model))
    output = loss.output
    values = prediction[output.term_name("atom")]
    prediction["mask"] = model.mask(env, values, only=output.selected_types)
    prediction["deviation"] = model.deviation(env, values)
    if model.expansion is not None:
        prediction |= model.expansion.of_atoms(prediction, env, batch.labels)
    value, metrics = loss(prediction, dict(batch.labels), batch.found, lr)
    return {"loss": float(value), **{name: float(metric) for name, metric in metrics.items()}}


def batches(case: Case) -> list[Batch]:
    """Two batches of different sizes, one with virtual atoms."""
    return [make_batch(case, frames) for frames in ("periodic and triclinic", "virtual atoms")]


def new_trainer(case: Case, flag: str, config: dict[str, Any] | None = None) -> Trainer:
    """A trainer from the input alone: first weights by the seed, statistics of the batches."""
    trainer = find_backend(flag).trainer
    return trainer.from_input(config or config_of(case), lambda _: iter(batches(case)))


def train(trainer: Trainer, case: Case, steps: range) -> list[dict[str, float]]:
    """The metrics of these steps, the batches in turn."""
    prepared = [trainer.prepare(batch) for batch in batches(case)]
    return [trainer.step(prepared[step % 2], LEARNING_RATE) for step in steps]


def trained_leaves(document: dict[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of a document's model that training changes, by path."""
    return {
        path: np.asarray(array)
        for path, array, is_trained in leaves(deserialize_model(document["model"]))
        if is_trained
    }


@cache
def gradient(case: Case, flag: str) -> dict[str, np.ndarray]:
    """The gradient of the loss in a backend by path, zero where the optimiser has met none.

    After one step of Adam the first moment is the gradient times 1 - beta1: so it is found without a look inside.
    """
    config, document = config_of(case), random_document(case)
    trainer = find_backend(flag).trainer.from_state(config, TrainingState(document, {}))
    trainer.step(trainer.prepare(make_batch(case, GRADIENT_FRAMES)), LEARNING_RATE)
    moments, scale = trainer.state().optimizer, 1.0 - config["optimizer"]["adam_beta1"]
    return {
        path: moments.get(f"exp_avg/{path}", np.zeros_like(array)) / scale
        for path, array in trained_leaves(document).items()
    }
