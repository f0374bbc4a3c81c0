# SPDX-License-Identifier: LGPL-3.0-or-later
"""Two water molecules whose O-H bonds are springs, and small models of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.contract import new_document
from deepmd.data import Batch
from deepmd.schema import normalize
from deepmd.train import TrainingState
from deepmd_dp.dialect.array import Float
from deepmd_dp.model import new_model

if TYPE_CHECKING:
    from deepmd.aliases import Document, Section
    from deepmd.train.trainer import Trainer

MOLECULE = np.array([[0.0, 0.0, 0.0], [0.76, 0.59, 0.0], [-0.76, 0.59, 0.0]])
COORD = np.concatenate([MOLECULE, MOLECULE[:, [1, 2, 0]] + 2.5])
ATYPE = np.array([0, 1, 1, 0, 1, 1])
CELL = 5.0 * np.eye(3) + 0.3 * np.eye(3, k=-1)
BONDS = np.array([[0, 1], [0, 2], [3, 4], [3, 5]])
STIFFNESS, LENGTH = 10.0, 0.96  # eV/Å², Å
DESCRIPTORS: dict[str, dict[str, Any]] = {
    "se_e2_a": {"type": "se_e2_a", "sel": [4, 8]},
    "se_atten": {"type": "se_atten", "sel": 12, "attn": 4, "attn_layer": 1, "set_davg_zero": False},
}
LOSS = {"start_pref_e": 1.0, "limit_pref_e": 1.0, "start_pref_f": 10.0, "limit_pref_f": 1.0}


def full_input(
    descriptor: str = "se_e2_a", fitting: Section | None = None, training: Section | None = None, **more: Any
) -> Section:
    """A normalised input; `more` replaces whole sections."""
    model = {
        "type_map": ["O", "H"],
        "descriptor": {"rcut": 4.0, "rcut_smth": 1.0, "neuron": [4, 8], "axis_neuron": 2, **DESCRIPTORS[descriptor]},
        "fitting_net": {"neuron": [6, 6], **(fitting or {})},
    }
    settings = {"training_data": {"systems": ["none"]}, "numb_steps": 100, "seed": 3, **(training or {})}
    given = {"model": model, "training": settings, "loss": LOSS, "learning_rate": {"start_lr": 1e-2, "stop_lr": 1e-4}}
    return normalize(given | more)


def new_document_of(config: Section) -> Document:
    """A document of the input's model with its first weights."""
    model = new_model(config["model"], np.random.default_rng(5))
    return new_document(model.serialize(), backend="test", model_def_script=config["model"])


def spring_labels(coord: Float[np.ndarray, "nframes natoms 3"]) -> dict[str, Float[np.ndarray, "nframes ..."]]:
    """Energies [eV] and forces [eV/Å] of the bonds."""
    bond = coord[:, BONDS[:, 1]] - coord[:, BONDS[:, 0]]
    length = np.linalg.norm(bond, axis=-1, keepdims=True)
    pull = STIFFNESS * (length - LENGTH) * bond / length
    force = np.zeros_like(coord)
    for k, (oxygen, hydrogen) in enumerate(BONDS):
        force[:, oxygen] += pull[:, k]
        force[:, hydrogen] -= pull[:, k]
    return {"energy": -10.0 + np.sum(0.5 * STIFFNESS * (length - LENGTH) ** 2, axis=1), "force": force}


def make_batch(number: int = 0) -> Batch:
    """Two frames near each other; each number gives others."""
    coord = COORD + np.random.default_rng(number).uniform(-0.1, 0.1, (2, *COORD.shape))
    labels = spring_labels(coord)
    return Batch(
        coord,
        np.stack([CELL, CELL]),
        np.stack([ATYPE, ATYPE]),
        labels,
        dict.fromkeys(labels, True),
        system=f"batch {number}",
        frames=np.arange(2),
    )


def new_trainer(cls: type[Trainer], config: Section) -> Trainer:
    """A backend's trainer of a new model, its statistics from two batches."""
    return cls.from_input(config, lambda _: iter([make_batch(0), make_batch(1)]))


def train(trainer: Trainer, numbers: range) -> list[dict[str, float]]:
    """The metrics of a step on each of these batches."""
    return [trainer.step(trainer.prepare(make_batch(number)), 1e-2) for number in numbers]


def state_of(document: Document) -> TrainingState:
    """A training state before the first step."""
    return TrainingState(model=document, optimizer={})
