# SPDX-License-Identifier: LGPL-3.0-or-later
"""A backend that trains, for tests: a linear model on a Morse energy, with Adam, in NumPy.

E = sum over atoms of w[type] + depth * (the frame's Morse energy). Small, but it learns, so that the loop is tested
on a real optimisation.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from morse import DEFAULTS, MorseEval, count_neighbors

from deepmd.backend import Backend, discovery
from deepmd.contract import document_from_bytes, document_to_bytes, new_document
from deepmd.data import DataRequirement
from deepmd.train import Trainer, TrainingState

MODEL = {
    "type_map": ["O", "H"],
    "descriptor": {"type": "pairs", "sel": [40, 80], "rcut": 3.0},
    "fitting_net": {},
    "data_stat_nbatch": 2,
}


class ToyTrainer(Trainer):
    """The frames' Morse energies are made in `prepare`, so that a step is a dot product."""

    def __init__(self, config, parameters, optimizer):
        self.config = config
        self.parameters = {key: np.array(value, dtype=np.float64) for key, value in parameters.items()}
        self.moments = {key: np.array(value) for key, value in optimizer.items()} or {
            f"{slot}/{key}": np.zeros_like(value)
            for slot in ("exp_avg", "exp_avg_sq")
            for key, value in self.parameters.items()
        } | {"step": np.array(0)}

    @classmethod
    def from_input(cls, config, frames):
        ntypes = len(config["model"]["type_map"])
        counts, energies = [], []
        for batch in frames([DataRequirement("energy", 1, must=True)]):
            counts.append(_counts(batch.atype, ntypes))
            energies.append(batch.labels["energy"][:, 0])
        bias = np.linalg.lstsq(np.concatenate(counts), np.concatenate(energies), rcond=None)[0]
        return cls(config, {"w": bias, "depth": 0.0}, {})

    @classmethod
    def from_state(cls, config, state):
        return cls(config, state.model["model"]["@variables"], state.optimizer)

    def prepare(self, batch):
        morse = _morse_energies(batch.coord, batch.box, batch.atype)
        features = np.column_stack([_counts(batch.atype, len(self.parameters["w"])), morse])
        return features / batch.natoms, batch.labels["energy"][:, 0] / batch.natoms

    def step(self, prepared, lr):
        metrics, gradient = self._loss(prepared)
        if np.isfinite(metrics["loss"]):
            self._adam({"w": gradient[:-1], "depth": gradient[-1]}, lr)
        return metrics

    def evaluate(self, prepared, lr):
        return self._loss(prepared)[0]

    def _loss(self, prepared):
        features, energy = prepared
        error = features @ np.append(self.parameters["w"], self.parameters["depth"]) - energy
        loss = float(np.mean(error**2))
        return {"loss": loss, "rmse": loss**0.5, "rmse_e": loss**0.5}, 2 * error @ features / len(energy)

    def _adam(self, gradient, lr):
        self.moments["step"] = self.moments["step"] + 1
        step = float(self.moments["step"])
        for key, g in gradient.items():
            m = self.moments[f"exp_avg/{key}"] = 0.9 * self.moments[f"exp_avg/{key}"] + 0.1 * g
            v = self.moments[f"exp_avg_sq/{key}"] = 0.999 * self.moments[f"exp_avg_sq/{key}"] + 0.001 * g**2
            self.parameters[key] = self.parameters[key] - lr * (m / (1 - 0.9**step)) / (
                np.sqrt(v / (1 - 0.999**step)) + 1e-8
            )

    def state(self):
        model = {"@class": "Toy", "@version": 1, "type_map": self.config["model"]["type_map"]}
        variables = {key: np.array(value) for key, value in self.parameters.items()}
        document = new_document(model | {"@variables": variables}, backend="Toy", model_def_script=self.config["model"])
        return TrainingState(document, dict(self.moments))

    @classmethod
    def write_checkpoint(cls, path, state):
        Path(path).write_bytes(pickle.dumps(state))

    @classmethod
    def read_checkpoint(cls, path):
        return pickle.loads(Path(path).read_bytes())

    @property
    def requirements(self):
        return [DataRequirement("energy", 1, must=True)]

    @property
    def device(self):
        return "cpu"


class ToyEval(MorseEval):
    """The trained model, from a checkpoint or a frozen file."""

    def __init__(self, model_file, **kwargs):
        self.document = read_any(model_file)
        self.variables = self.document["model"]["@variables"]
        self.settings = DEFAULTS | {"type_map": self.document["model"]["type_map"]}
        self.settings["depth"] = float(self.variables["depth"])
        self.calls = []

    def _frame(self, coord, cell, atype, nloc=None):
        energy, force, virial = super()._frame(coord, cell, atype, nloc)
        return energy + np.where(atype >= 0, self.variables["w"][atype], 0.0)[:, None], force, virial

    def serialize(self):
        return self.document


class ToyBackend(Backend):
    name = "Toy"
    flags = ("toy",)
    distribution = "tests"
    framework = "numpy"
    features = Backend.Feature.ENTRY_POINT | Backend.Feature.DEEP_EVAL | Backend.Feature.IO
    suffixes = (".toymodel",)
    checkpoint_suffix = ".toy"

    @property
    def trainer(self):
        return ToyTrainer

    @property
    def deep_eval(self):
        return ToyEval

    @property
    def neighbor_stat(self):
        return count_neighbors

    @property
    def serialize_hook(self):
        return read_any

    @property
    def deserialize_hook(self):
        return lambda path, document: Path(path).write_bytes(document_to_bytes(document))


class OtherToyTrainer(ToyTrainer):
    """Has its own checkpoints, for going on in another backend."""


class OtherToyBackend(ToyBackend):
    name = "Other"
    flags = ("other",)
    suffixes = (".othermodel",)
    checkpoint_suffix = ".other"

    @property
    def trainer(self):
        return OtherToyTrainer


def read_any(path):
    if Path(path).suffix in (".toy", ".other"):
        return ToyTrainer.read_checkpoint(path).model
    return document_from_bytes(Path(path).read_bytes())


def install(monkeypatch):
    """Makes the toys the only installed backends."""
    installed = {"toy": ToyBackend(), "other": OtherToyBackend()}
    monkeypatch.setattr(discovery, "_load_all", lambda: (installed, {}))


def new_config(**training):
    """A normalised input; ``training`` changes or adds keys of that section."""
    section = {
        "training_data": {"systems": ["data"], "batch_size": 2},
        "validation_data": {"systems": ["data/b"], "batch_size": 1, "numb_btch": 2},
        "numb_steps": 20,
        "seed": 7,
        "disp_file": "lcurve.out",
        "disp_freq": 5,
        "save_freq": 8,
        "save_ckpt": "model.ckpt",
        "max_ckpt_keep": 5,
    }
    return {
        "model": {**MODEL, "descriptor": dict(MODEL["descriptor"])},
        "learning_rate": {"type": "exp", "start_lr": 0.05, "stop_lr": 0.001, "decay_steps": 5},
        "loss": {},
        "optimizer": {},
        "training": section | training,
    }


def _counts(atype, ntypes):
    return np.stack([(atype == number).sum(axis=1) for number in range(ntypes)], axis=1).astype(np.float64)


def _morse_energies(coord, box, atype):
    morse = MorseEval.__new__(MorseEval)
    morse.settings = DEFAULTS | {"depth": 1.0}
    return np.array([morse._frame(c, None if box is None else box[i], atype[i])[0].sum() for i, c in enumerate(coord)])
