# SPDX-License-Identifier: LGPL-3.0-or-later
"""Made-up boxes of water and inputs for timing; the numbers mean nothing, the sizes are real."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

VOLUME = 29.9
"""Volume of a molecule in liquid water [Å³]."""

_SE_E2_A = {"type": "se_e2_a", "sel": [46, 92], "neuron": [25, 50, 100], "axis_neuron": 16}
SECTIONS = {
    # the JAX backend of deepmd-kit 3.2.0 fails to trace a net for each pair of types
    "se_e2_a": {**_SE_E2_A, "type_one_side": True},
    "se_e2_a_pairs": {**_SE_E2_A, "type_one_side": False},
    "se_e3": {"type": "se_e3", "sel": [46, 92], "neuron": [10, 20, 40]},
    "se_atten": {
        "type": "se_atten",
        "sel": 138,
        "neuron": [25, 50, 100],
        "axis_neuron": 16,
        "attn": 128,
        "attn_layer": 0,
    },
    "se_atten_v2": {
        "type": "se_atten_v2",
        "sel": 138,
        "neuron": [25, 50, 100],
        "axis_neuron": 16,
        "attn_layer": 0,
    },
}
SECTIONS["se_atten_attention"] = {**SECTIONS["se_atten"], "attn_layer": 2}
"""Descriptors with nets of the default sizes, by the names that the options take."""


def water_box(nmolecules: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates (natoms, 3) [Å], cell (3, 3) [Å] and types (natoms,) of molecules turned at random on a lattice."""
    rng = np.random.default_rng(seed)
    edge = (nmolecules * VOLUME) ** (1 / 3)
    side = int(np.ceil(nmolecules ** (1 / 3) - 1e-9))
    sites = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)[:nmolecules]
    oxygen = (sites + 0.5) * (edge / side) + rng.normal(0.0, 0.2, sites.shape)
    first = rng.normal(size=sites.shape)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    other = np.cross(first, rng.normal(size=sites.shape))
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    angle = np.deg2rad(104.5)
    second = np.cos(angle) * first + np.sin(angle) * other
    coord = np.concatenate([oxygen, oxygen + 0.96 * first, oxygen + 0.96 * second])
    return coord, edge * np.eye(3), np.repeat([0, 1, 1], nmolecules)


def write_system(folder: Path, nmolecules: int, nframes: int) -> None:
    """A data system with random labels."""
    frames = [water_box(nmolecules, seed) for seed in range(nframes)]
    rng = np.random.default_rng(0)
    (folder / "set.000").mkdir(parents=True)
    np.savetxt(folder / "type.raw", frames[0][2], fmt="%d")
    (folder / "type_map.raw").write_text("O\nH\n")
    np.save(folder / "set.000" / "coord.npy", np.stack([coord.ravel() for coord, _, _ in frames]))
    np.save(folder / "set.000" / "box.npy", np.stack([box.ravel() for _, box, _ in frames]))
    np.save(folder / "set.000" / "energy.npy", rng.normal(-30.0 * nmolecules, 1.0, nframes))
    np.save(folder / "set.000" / "force.npy", rng.normal(0.0, 1.0, (nframes, 9 * nmolecules)))


def write_input(
    path: Path,
    descriptor: str,
    steps: int,
    system: Path,
    disp_freq: int,
    *,
    batch_size: int = 1,
    precision: str = "float64",
) -> None:
    """An input with default-sized nets, energies and forces in the loss."""
    section = {"rcut": 6.0, "rcut_smth": 0.5, "precision": precision, "seed": 1, **SECTIONS[descriptor]}
    config = {
        "model": {
            "type_map": ["O", "H"],
            "descriptor": section,
            "fitting_net": {"neuron": [240, 240, 240], "resnet_dt": True, "precision": precision, "seed": 1},
        },
        "learning_rate": {"type": "exp", "start_lr": 0.001, "stop_lr": 1e-8, "decay_steps": 5000},
        "loss": {"type": "ener", "start_pref_e": 0.02, "limit_pref_e": 1, "start_pref_f": 1000, "limit_pref_f": 1},
        "training": {
            "training_data": {"systems": [str(system)], "batch_size": batch_size},
            "numb_steps": steps,
            "seed": 1,
            "disp_freq": disp_freq,
            "save_freq": 100000,
        },
    }
    path.write_text(json.dumps(config))
