# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writes numbers.npz: Hessians of models in the conformance suite, and the loss with them, by deepmd-kit 3.2.0 (--pt).

Run it with the Python of an environment that holds deepmd-kit: ``python make.py``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from deepmd.dpmodel.utils.serialization import load_dp_model
from deepmd.pt.loss.ener import EnergyStdLoss
from deepmd.pt.model.model import BaseModel

HERE = Path(__file__).resolve().parent
REFERENCE = HERE.parents[2] / "src" / "deepmd_dp" / "conformance" / "reference"
MODELS = ("sea", "atten_l2", "dpa2_three_body")
NATOMS = 4
LR, START_LR = 4e-4, 1e-3
SECTION = {f"{end}_pref_{term}": 0.0 for end in ("start", "limit") for term in ("e", "f", "v")}


def hessian(name: str, coord: np.ndarray, atype: np.ndarray) -> np.ndarray:
    """Of each frame, with open boundaries."""
    model = BaseModel.deserialize(load_dp_model(str(REFERENCE / name / "model.dp"))["model"]).to(torch.float64)
    model.enable_hessian()
    model.eval()
    types = torch.from_numpy(np.tile(atype, (len(coord), 1)))
    return model(torch.from_numpy(coord), types)["hessian"].detach().numpy().reshape(len(coord), 3 * NATOMS, -1)


def loss(kind: str, predicted: np.ndarray, label: np.ndarray, mask: np.ndarray) -> list[float]:
    """The loss and its metric."""
    given = EnergyStdLoss(START_LR, start_pref_h=2.0, limit_pref_h=0.5, loss_func=kind, **SECTION)
    prediction = {"hessian": torch.from_numpy(predicted), "mask": torch.from_numpy(mask)}
    labels = {"hessian": torch.from_numpy(label), "find_hessian": 1.0}
    prediction["energy"] = torch.zeros(len(mask), 1, dtype=torch.float64)
    _, value, more = given({}, lambda: dict(prediction), labels, NATOMS, LR)
    return [float(value), float(more["rmse_h"])]


if __name__ == "__main__":
    with np.load(REFERENCE / "sea" / "data.npz") as data:
        coord, atype = data["coord"][:2, :NATOMS], data["atype"][:NATOMS]
    arrays = {"coord": coord, "atype": atype}
    arrays |= {name: hessian(name, coord, atype) for name in MODELS}
    rng = np.random.default_rng(20261127)
    mask = np.array([[1, 1, 1, 1], [1, 1, 1, 0]])
    label = arrays["sea"] + 0.01 * rng.normal(size=arrays["sea"].shape)
    arrays |= {"mask": mask, "label": label}
    arrays |= {f"loss_{kind}": np.array(loss(kind, arrays["sea"], label, mask)) for kind in ("mse", "mae")}
    np.savez_compressed(HERE / "numbers.npz", **arrays)
