# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writes frame_losses.json and frame_losses.npz: deepmd-kit 3.2.0 (--pt) for `dos`, `property` and `population`.

Run it with the Python of an environment that holds deepmd-kit: ``python make_frame_losses.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from deepmd.pt.loss.dos import DOSLoss
from deepmd.pt.loss.population import PopulationLoss
from deepmd.pt.loss.property import PropertyLoss

HERE = Path(__file__).parent
ENDS = ("start", "limit")
KINDS = ["smooth_mae", "mae", "mse", "rmse", "mape"]
PREFACTORS = {"dos": (1.0, 0.5), "cdf": (0.2, 2.0), "ados": (3.0, 1.0), "acdf": (0.4, 0.1)}
OF_POPULATIONS = {
    "spin": (1.0, 0.5),
    "spin_total": (0.2, 2.0),
    "pop": (3.0, 1.0),
    "pop_alpha_total": (0.4, 0.1),
    "pop_beta_total": (0.3, 0.0),
}
LR, START_LR = 4e-4, 1e-3


def dos_section(*terms: str) -> dict[str, float]:
    values = {term: PREFACTORS[term] if term in terms else (0.0, 0.0) for term in PREFACTORS}
    return {f"{end}_pref_{term}": pair[k] for term, pair in values.items() for k, end in enumerate(("start", "limit"))}


CASES = {
    "all": ("dos", dos_section(*PREFACTORS), []),
    "frames": ("dos", dos_section("dos", "cdf"), []),
    "atoms": ("dos", dos_section("ados", "acdf"), []),
    "no label of atoms": ("dos", dos_section(*PREFACTORS), ["atom_dos"]),
    **{kind: ("property", {"loss_func": kind, "metric": KINDS, "beta": 0.3}, []) for kind in KINDS},
    **{
        f"{kind}, intensive": ("property", {"loss_func": kind, "metric": ["rmse", "mae"], "beta": 1.0}, [])
        for kind in KINDS
    },
    **{
        f"population, {kind}": (
            "population",
            {"loss_func": kind, "metric": metric, "beta": 0.2}
            | {f"{end}_pref_{term}": OF_POPULATIONS[term][k] for term in OF_POPULATIONS for k, end in enumerate(ENDS)},
            [],
        )
        for kind, metric in (("smooth_mae", ["mae", "rmse"]), ("mae", []), ("rmse", ["rmse"]))
    },
}


def random_arrays() -> dict[str, np.ndarray]:
    """Three frames of four atoms, some of which are virtual, with five components."""
    rng = np.random.default_rng(20261127)
    nframes, nloc, size = 3, 4, 5
    mask = np.ones((nframes, nloc, 1))
    mask[:, 3], mask[1, 2] = 0.0, 0.0
    label = rng.normal(size=(nframes, nloc, size)) * mask
    prediction = label + 0.3 * rng.normal(size=label.shape) * mask
    return {
        "prediction_mask": mask,
        "prediction_deviation": np.tile(rng.uniform(0.5, 2.0, size=size), (nframes, 1)),
        "prediction_atom_dos": prediction,
        "prediction_dos": prediction.sum(axis=1),
        "prediction_atom_population": prediction[:, :, :2],
        "label_atom_population": label[:, :, 2:0:-1],
        "label_atom_dos": label,
        "label_dos": label.sum(axis=1) + 0.1 * rng.normal(size=(nframes, size)),
    }


def evaluate(name: str, arrays: dict[str, np.ndarray]) -> dict:
    """The loss and the metrics that deepmd-kit shows."""
    kind, section, missing = CASES[name]
    tensors = {key: torch.from_numpy(value.copy()) for key, value in arrays.items()}
    prediction = {"atom_dos": tensors["prediction_atom_dos"], "dos": tensors["prediction_dos"]}
    prediction["mask"] = tensors["prediction_mask"][:, :, 0]
    prediction["population"] = tensors["prediction_atom_population"]
    label = {key: tensors[f"label_{key}"] for key in ("atom_dos", "dos", "atom_population")}
    label |= {f"find_{key}": float(key not in missing) for key in list(label)}
    if kind == "dos":
        loss = DOSLoss(starter_learning_rate=START_LR, numb_dos=5, **section)
    elif kind == "population":
        loss = PopulationLoss(starter_learning_rate=START_LR, **section)
    else:
        loss = PropertyLoss(task_dim=5, var_name="dos", intensive="intensive" in name, **section)

    statistics = SimpleNamespace(
        out_std=tensors["prediction_deviation"][None], out_bias=torch.zeros(1, 1, 5, dtype=torch.float64)
    )

    class Model:
        atomic_model = statistics

        def __call__(self) -> dict[str, torch.Tensor]:
            return dict(prediction)

    _, value, more = loss({}, Model(), label, 4, LR)
    metrics = {key: float(number) for key, number in more.items() if not key.startswith("l2_")}
    metrics.pop("rmse", None) if kind == "dos" else None
    return {"type": kind, "section": section, "missing": missing, "loss": float(value), "metrics": metrics}


if __name__ == "__main__":
    arrays = random_arrays()
    np.savez_compressed(HERE / "frame_losses.npz", **arrays)
    cases = {name: evaluate(name, arrays) for name in CASES}
    (HERE / "frame_losses.json").write_text(json.dumps({"cases": cases}, indent=1) + "\n")
