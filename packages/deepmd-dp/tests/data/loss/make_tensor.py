# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writes tensor.json and tensor.npz: what deepmd-kit 3.2.0 (--pt) gives for every option of the loss `tensor`.

Run it with the Python of an environment that holds deepmd-kit: ``python make_tensor.py``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from deepmd.pt.loss.tensor import TensorLoss

HERE = Path(__file__).parent
CASES = {
    "both": {"pref": 0.7, "pref_atomic": 1.3},
    "global": {"pref": 2.0, "pref_atomic": 0.0},
    "atomic": {"pref": 0.0, "pref_atomic": 0.5},
    "weighted": {"pref": 1.0, "pref_atomic": 1.0, "enable_atomic_weight": True},
    "no_atomic_label": {"pref": 1.0, "pref_atomic": 1.0},
    "no_global_label": {"pref": 1.0, "pref_atomic": 1.0},
    "no_labels": {"pref": 1.0, "pref_atomic": 1.0},
}
MISSING = {
    "no_atomic_label": ["atom_dipole"],
    "no_global_label": ["dipole"],
    "no_labels": ["dipole", "atom_dipole"],
}


def random_arrays() -> dict[str, np.ndarray]:
    """Three frames of four atoms; some have no dipole."""
    rng = np.random.default_rng(20261126)
    nframes, nloc = 3, 4
    mask = np.ones((nframes, nloc, 1))
    mask[:, 3], mask[1, 2] = 0.0, 0.0
    label = rng.normal(size=(nframes, nloc, 3)) * mask
    prediction = label + 0.3 * rng.normal(size=label.shape) * mask
    return {
        "prediction_mask": mask,
        "prediction_atom_dipole": prediction,
        "prediction_dipole": prediction.sum(axis=1),
        "label_atom_dipole": label,
        "label_dipole": label.sum(axis=1) + 0.1 * rng.normal(size=(nframes, 3)),
        "label_atom_weight": rng.uniform(0.5, 1.5, size=(nframes, nloc, 1)),
    }


def evaluate(name: str, arrays: dict[str, np.ndarray]) -> dict:
    """The loss and the metrics that deepmd-kit shows."""
    section = CASES[name]
    loss = TensorLoss("dipole", 3, "dipole", **section)
    tensors = {key: torch.from_numpy(value) for key, value in arrays.items()}
    prediction = {
        "dipole": tensors["prediction_atom_dipole"],
        "global_dipole": tensors["prediction_dipole"],
        "mask": tensors["prediction_mask"][:, :, 0],
    }
    label = {key.removeprefix("label_"): value for key, value in tensors.items() if key.startswith("label_")}
    missing = MISSING.get(name, [])
    label |= {f"find_{key}": float(key not in missing) for key in list(label)}
    _, value, more = loss({}, lambda: prediction, label, 4, 1e-3)
    metrics = {key: float(number) for key, number in more.items() if not key.startswith("l2_")}
    needs = [[r.key, r.ndof, r.atomic, r.must, r.repeat, r.default] for r in loss.label_requirement]
    return {
        "section": section,
        "missing": missing,
        "loss": float(value),
        "metrics": dict(sorted(metrics.items())),
        "requirements": needs,
    }


if __name__ == "__main__":
    arrays = random_arrays()
    np.savez_compressed(HERE / "tensor.npz", **arrays)
    cases = {name: evaluate(name, arrays) for name in CASES}
    (HERE / "tensor.json").write_text(json.dumps({"cases": cases}, indent=1) + "\n")
