# SPDX-License-Identifier: LGPL-3.0-or-later
"""Dipoles of water from labels to `dp test`: learns those of point charges, for the molecules of `examples/water`.

    python examples/dipole/learn_dipoles.py                  # writes to dipole-results/
    python examples/dipole/learn_dipoles.py --steps 20 --backend jax

The charges are known, so that the labels cost nothing and the error says how well the model learns. One system for
training is labelled by the dipoles of the molecules, which belong to their oxygen, the other by the whole dipole.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np

from deepmd.backend.discovery import find_backend
from deepmd.entrypoints.test import run_test
from deepmd.infer import DeepDipole
from deepmd.main import main as dp

WATER = Path(__file__).resolve().parent.parent / "water" / "data"
CHARGE_OF_HYDROGEN = 0.41
"""That of SPC/Fw [e]; the oxygen has what makes the molecule neutral."""
SYSTEMS = {"train_0": "atomic_dipole", "train_1": "dipole", "valid": "dipole"}
"""Systems to their labels."""


def molecular_dipoles(coord: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Dipoles of molecules O, H, H that follow each other, (nframes, nmolecules, 3) [e·Å]; cubic cells."""
    molecules = coord.reshape(len(coord), -1, 3, 3)
    bonds = molecules[:, :, 1:] - molecules[:, :, :1]
    edge = box[:, 0].reshape(-1, 1, 1, 1)
    return CHARGE_OF_HYDROGEN * np.sum(bonds - edge * np.rint(bonds / edge), axis=2)


def write_data(folder: Path) -> None:
    """The frames of `examples/water` with dipoles for labels."""
    for name, label in SYSTEMS.items():
        source, target = WATER / name, folder / name / "set.000"
        target.mkdir(parents=True, exist_ok=True)
        for file in ("type.raw", "type_map.raw"):
            (target.parent / file).write_text((source / file).read_text())
        coord, box = (np.load(source / "set.000" / f"{key}.npy") for key in ("coord", "box"))
        dipoles = molecular_dipoles(coord, box)
        values = dipoles.reshape(len(coord), -1) if label == "atomic_dipole" else dipoles.sum(axis=1)
        for key, array in {"coord": coord, "box": box, label: values}.items():
            np.save(target / f"{key}.npy", array)


def learn(backend: str, steps: int) -> dict[str, float]:
    """Trains in the current folder, freezes, and gives the errors on frames that were not trained on."""
    config = json.loads((Path(__file__).parent / "input.json").read_text())
    config["training"]["numb_steps"] = steps
    Path("input.json").write_text(json.dumps(config, indent=2))
    dp([f"--{backend}", "train", "input.json"])
    dp([f"--{backend}", "freeze"])
    model = f"frozen_model{find_backend(backend).suffixes[0]}"
    errors = run_test(model=model, systems=["data/valid"], detail_file="detail", plot="parity.png")
    with DeepDipole(model) as opened:
        coord, box = (np.load(f"data/valid/set.000/{key}.npy")[:1] for key in ("coord", "box"))
        dipole, force, _ = opened.eval_full(coord, box, ["O", "H", "H"] * 32)
    print(f"dipole of the first frame {dipole[0].round(2)} e·Å; its derivatives by the positions: {force.shape}")
    return errors


def main() -> None:
    """Runs all in a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="pt", help="flag of the framework: pt, tf, jax, pd")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--output", default="dipole-results")
    args = parser.parse_args()
    folder = Path(args.output)
    write_data(folder / "data")
    os.chdir(folder)
    errors = learn(args.backend, args.steps)
    print(f"RMSE of the whole dipole {errors['rmse_dipole']:.4f} e·Å, per molecule {errors['rmse_dipole_n']:.5f} e·Å")


if __name__ == "__main__":
    main()
