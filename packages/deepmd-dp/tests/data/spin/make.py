# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writes the reference case `spin` of the conformance suite: deepmd-kit 3.2.0 (--pt) with a small model of spins.

And loss.json, the losses where all labels are 1.1 x + 0.01 of what the model gives.

Run it with the Python of an environment that holds deepmd-kit: ``python make.py FOLDER``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

from deepmd.dpmodel.utils.serialization import save_dp_model
from deepmd.pt.loss import EnergySpinLoss
from deepmd.pt.model.model import get_model
from deepmd.pt.model.model.spin_model import SpinEnergyModel

SECTION = {
    "type_map": ["O", "H"],
    "descriptor": {
        "type": "se_e2_a",
        "sel": [18, 28],
        "rcut": 3.6,
        "rcut_smth": 0.5,
        "neuron": [3, 6],
        "axis_neuron": 2,
        "type_one_side": True,
        "precision": "float64",
        "seed": 1,
    },
    "fitting_net": {"neuron": [5, 5], "numb_fparam": 1, "numb_aparam": 1, "precision": "float64", "seed": 2},
    "spin": {"use_spin": ["H"], "virtual_scale": [0.35]},
    "atom_exclude_types": [],
}
"""The cells below are smaller than the cut-off, and the type with spin is not the first."""


def random_model(rng: np.random.Generator) -> SpinEnergyModel:
    """With statistics as a training leaves them: the same in all slots."""
    tree = get_model(SECTION).serialize()
    backbone = tree["backbone_model"]
    arrays = backbone["descriptor"]["@variables"]
    ntypes, nslots, _ = arrays["davg"].shape
    arrays["davg"] = np.zeros((ntypes, nslots, 4))
    arrays["davg"][:, :, 0] = rng.uniform(0.05, 0.1, (ntypes, 1))
    arrays["dstd"] = np.repeat(rng.uniform(0.3, 0.6, (ntypes, 1, 4)), nslots, axis=1)
    arrays["dstd"][..., 2:] = arrays["dstd"][..., 1:2]
    backbone["@variables"]["out_bias"] = np.array([[[-2.0], [-1.0], [0.0], [0.0]]])
    return SpinEnergyModel.deserialize(tree)


def random_frames(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Two frames of five atoms, one of them in a triclinic cell."""
    box = np.tile(3.1 * np.eye(3), (2, 1, 1))
    box[1] += np.array([[0.0, 0.0, 0.0], [0.5, 0.3, 0.0], [-0.3, 0.4, 0.6]])
    grid = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]) / 2.0
    coord = (grid + rng.uniform(-0.08, 0.08, (2, 5, 3))) @ box
    frames = {"coord": coord, "box": box, "atype": np.array([0, 1, 1, 0, 1]), "spin": rng.normal(size=(2, 5, 3))}
    return frames | {"fparam": rng.normal(size=(2, 1)), "aparam": rng.normal(size=(2, 5, 1))}


def evaluate(model: SpinEnergyModel, frames: dict[str, np.ndarray], box: np.ndarray | None) -> dict[str, np.ndarray]:
    def tensor(name: str) -> torch.Tensor:
        return torch.from_numpy(frames[name])

    found = model(
        tensor("coord").requires_grad_(True),
        tensor("atype")[None].repeat(2, 1),
        tensor("spin"),
        box=None if box is None else torch.from_numpy(box),
        fparam=tensor("fparam"),
        aparam=tensor("aparam"),
        do_atomic_virial=True,
    )
    return {name: value.detach().numpy() for name, value in found.items() if name != "mask"}


LOSSES = {
    "mse": {},
    "mae": {"loss_func": "mae"},
    "intensive": {"intensive_ener_virial": True},
    "no magnetic forces": {"start_pref_fm": 0.0},
}
PREFACTORS = {"e": (0.02, 1.0), "fr": (1000.0, 1.0), "fm": (10000.0, 10.0), "v": (0.1, 2.0), "ae": (0.7, 0.3)}
START_LR, LR = 1e-3, 4e-4


def evaluate_loss(options: dict, results: dict[str, np.ndarray]) -> dict:
    section = {f"{e}_pref_{t}": pair[k] for t, pair in PREFACTORS.items() for k, e in enumerate(("start", "limit"))}
    section |= options
    prediction = {
        name: torch.from_numpy(results[f"pbc_{name}"].copy())
        for name in ("energy", "force", "virial", "atom_energy", "force_mag", "mask_mag")
    }
    label = {name: 1.1 * prediction[name] + 0.01 for name in ("energy", "force", "virial", "force_mag")}
    label["atom_ener"] = 1.1 * prediction["atom_energy"] + 0.01
    label |= {f"find_{name}": 1.0 for name in list(label)}
    loss = EnergySpinLoss(START_LR, **section)
    _, value, more = loss({}, lambda: dict(prediction), label, 5, LR)
    metrics = {name: float(each) for name, each in more.items() if not name.startswith("l2_") and name != "rmse"}
    return {"section": section, "loss": float(value), "metrics": metrics}


if __name__ == "__main__":
    folder, rng = Path(sys.argv[1]), np.random.default_rng(20261127)
    folder.mkdir(exist_ok=True)
    model, frames = random_model(rng), random_frames(rng)
    save_dp_model(str(folder / "model.dp"), {"model": model.serialize(), "model_def_script": SECTION})
    boundaries = {"pbc": frames["box"], "nopbc": None}
    results = {
        f"{boundary}_{name}": value
        for boundary, box in boundaries.items()
        for name, value in evaluate(model, frames, box).items()
    }
    np.savez_compressed(folder / "data.npz", **frames, **results)
    losses = {name: evaluate_loss(options, results) for name, options in LOSSES.items()}
    (Path(__file__).parent / "loss.json").write_text(json.dumps(losses, indent=1) + "\n")
