# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writes ener.json and ener.npz: what deepmd-kit 3.2.0 (--pt) gives for every option of the loss `ener`.

Run it with the Python of an environment that holds deepmd-kit: ``python make.py``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from deepmd.pt.loss.ener import EnergyStdLoss

HERE = Path(__file__).parent
START_LR = 1e-3
EFV = {"start_pref_e": 0.02, "limit_pref_e": 1.0, "start_pref_f": 1000.0, "limit_pref_f": 1.0}
EFV |= {"start_pref_v": 0.1, "limit_pref_v": 2.0}
AE = {"start_pref_ae": 0.7, "limit_pref_ae": 0.3}
PF = {"start_pref_pf": 3.0, "limit_pref_pf": 0.5}
GF = {"start_pref_gf": 0.4, "limit_pref_gf": 0.6, "numb_generalized_coord": 2}
HUBER = {"use_huber": True, "huber_delta": [0.05, 0.4, 0.03]}
CASES = {
    "e": {"start_pref_e": 0.02, "limit_pref_e": 1.0},
    "efv": EFV,
    "all": EFV | AE | PF | GF,
    "one_end_zero": EFV | {"limit_pref_v": 0.0},
    "intensive": EFV | {"intensive_ener_virial": True},
    "relative": EFV | PF | {"relative_f": 0.5},
    "atom_ener_coeff": EFV | {"enable_atom_ener_coeff": True},
    "huber": EFV | AE | {"use_huber": True, "huber_delta": 0.1},
    "huber_three": EFV | AE | HUBER,
    "huber_norm": EFV | HUBER | {"f_use_norm": True},
    "huber_coeff_intensive": EFV | HUBER | {"enable_atom_ener_coeff": True, "intensive_ener_virial": True},
    "mae": EFV | AE | PF | GF | {"loss_func": "mae"},
    "mae_norm_relative": EFV | {"loss_func": "mae", "f_use_norm": True, "relative_f": 0.5},
    "mae_coeff": EFV | {"loss_func": "mae", "enable_atom_ener_coeff": True, "intensive_ener_virial": True},
    "not_found": EFV | AE | PF | GF,
    "default_pf": EFV | PF | {"use_default_pf": True},
}
MISSING = {"not_found": ["virial", "atom_ener", "atom_pref", "drdq"], "default_pf": ["atom_pref"]}
NAMES = {"energy": "energy", "force": "force", "virial": "virial", "atom_ener": "atom_energy"}


def random_arrays() -> dict[str, np.ndarray]:
    """Three frames of four atoms, two of them virtual."""
    rng = np.random.default_rng(20261122)
    nf, nloc = 3, 4
    shapes = {"energy": (nf, 1), "force": (nf, nloc, 3), "virial": (nf, 9), "atom_ener": (nf, nloc, 1)}
    mask = np.ones((nf, nloc, 1))
    mask[1, 2:] = 0.0
    arrays = {"prediction_mask": mask}
    for name, shape in shapes.items():
        real = mask if len(shape) == 3 else 1.0
        arrays[f"label_{name}"] = rng.normal(size=shape) * real
        arrays[f"prediction_{NAMES[name]}"] = arrays[f"label_{name}"] + 0.3 * rng.normal(size=shape) * real
    arrays["label_atom_pref"] = np.repeat(rng.uniform(size=(nf, nloc, 1)), 3, axis=2) * mask
    arrays["label_drdq"] = rng.normal(size=(nf, nloc, 6)) * mask
    arrays["label_atom_ener_coeff"] = rng.normal(size=(nf, nloc, 1)) * mask
    return arrays


def evaluate(name: str, arrays: dict[str, np.ndarray]) -> dict:
    """The loss and the figures that deepmd-kit shows."""
    section, lr = CASES[name], 0.35 * START_LR
    loss = EnergyStdLoss(START_LR, **section)
    tensors = {key: torch.from_numpy(value) for key, value in arrays.items()}
    prediction = {k.removeprefix("prediction_"): v for k, v in tensors.items() if k.startswith("prediction_")}
    prediction["mask"] = prediction["mask"][:, :, 0]
    label = {k.removeprefix("label_"): v for k, v in tensors.items() if k.startswith("label_")}
    missing = MISSING.get(name, [])
    label |= {f"find_{key}": float(key not in missing) for key in list(label)}
    _, value, more = loss({}, lambda: prediction, label, 4, lr)
    metrics = {key: float(number) for key, number in more.items() if "l2_" not in key and key != "rmse"}
    needs = [[r.key, r.ndof, r.atomic, r.must, r.repeat, r.default, r.high_prec] for r in loss.label_requirement]
    return {
        "section": section,
        "missing": missing,
        "lr": lr,
        "loss": float(value),
        "metrics": dict(sorted(metrics.items())),
        "requirements": needs,
    }


if __name__ == "__main__":
    arrays = random_arrays()
    np.savez_compressed(HERE / "ener.npz", **arrays)
    cases = {name: evaluate(name, arrays) for name in CASES}
    text = json.dumps({"start_lr": START_LR, "cases": cases}, indent=1)
    (HERE / "ener.json").write_text(text + "\n")
