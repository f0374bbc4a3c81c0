# SPDX-License-Identifier: LGPL-3.0-or-later
"""Small trainings without files, and their loss as NumPy computes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from documents import full_input
from frames import FRAMES

from deepmd.data import Batch
from deepmd_dp.derivatives import energy_terms, force_terms
from deepmd_dp.environment_builder import build_environment
from deepmd_dp.loss import new_loss
from deepmd_dp.numpy_derivative import energy_and_gradient

if TYPE_CHECKING:
    from cases import Case

LEARNING_RATE = 1e-3
PREFACTORS = {"e": (0.2, 1.0), "f": (10.0, 1.0), "v": (0.1, 1.0), "ae": (0.3, 1.0)}
LOSS = {f"{end}_pref_{term}": pair[i] for term, pair in PREFACTORS.items() for i, end in enumerate(("start", "limit"))}


def config_of(case: Case, **training: Any) -> dict[str, Any]:
    """The normalised input of a training with energies, forces, virials and atomic energies."""
    settings = {"training_data": {"systems": ["none"]}, "numb_steps": 100, "seed": 1, **training}
    return full_input(case, loss=LOSS, training=settings)


def make_batch(case: Case, frames: str) -> Batch:
    """A batch with made-up labels."""
    chosen, fitting = FRAMES[frames], case.fitting
    nframes, natoms = chosen.atom_types.shape
    rng = np.random.default_rng(11)
    sizes = {
        "energy": (nframes, 1),
        "force": (nframes, natoms, 3),
        "virial": (nframes, 9),
        "atom_ener": (nframes, natoms, 1),
    }
    labels = {name: rng.normal(size=size) for name, size in sizes.items()}
    labels |= chosen.parameters(fitting.get("numb_fparam", 0), fitting.get("numb_aparam", 0))
    found = dict.fromkeys(labels, True)
    return Batch(
        chosen.coords, chosen.cells, chosen.atom_types, labels, found, system=frames, frames=np.arange(nframes)
    )


def numpy_loss(config: dict[str, Any], model: Any, batch: Batch, lr: float) -> dict[str, float]:
    """The loss of a model of NumPy arrays and the metrics shown beside it."""
    env = build_environment(model, batch.coord, batch.box, batch.atype)
    energy, gradient = energy_and_gradient(model, env, batch.labels.get("fparam"), batch.labels.get("aparam"))
    prediction = energy_terms(energy) | force_terms(env, gradient, virial=True, atomic=False)
    prediction["mask"] = model.mask(env, like=energy)
    loss = new_loss(config["loss"], config["learning_rate"]["start_lr"])
    value, metrics = loss(prediction, batch.labels, batch.found, lr)
    return {"loss": float(value), **{name: float(metric) for name, metric in metrics.items()}}
