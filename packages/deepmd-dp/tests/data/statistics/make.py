# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writes statistics.json: the statistics that deepmd-kit 3.2.0 (--pt) takes from two small systems.

Run it with the Python of an environment that holds deepmd-kit: ``python make.py``.
"""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch

from deepmd.pt.model.model import get_model

HERE = Path(__file__).parent
DESCRIPTOR = {"type": "se_e2_a", "sel": [14, 26], "rcut": 4.0, "rcut_smth": 0.5, "neuron": [2, 4], "axis_neuron": 2}
ATTEN = {**DESCRIPTOR, "type": "se_atten", "sel": 40, "attn_layer": 0, "tebd_dim": 2}
FITTING = {"neuron": [3]}
CASES = {
    "plain": {},
    "davg_zero": {"descriptor": {**DESCRIPTOR, "set_davg_zero": True}},
    "excluded": {
        "descriptor": {**DESCRIPTOR, "exclude_types": [[0, 0]], "env_protection": 0.1},
        "pair_exclude_types": [[0, 1]],
        "atom_exclude_types": [1],
    },
    "absent_type": {"type_map": ["H", "Na", "O"], "descriptor": {**DESCRIPTOR, "sel": [26, 4, 14]}},
    "atten": {"descriptor": {**ATTEN, "set_davg_zero": False}},
    "atten_default": {"descriptor": ATTEN},
    "parameters": {"fitting_net": {**FITTING, "numb_fparam": 2, "numb_aparam": 1}, "data_stat_protect": 0.7},
    "default_fparam": {"fitting_net": {**FITTING, "numb_fparam": 2, "default_fparam": [0.5, -2.0]}},
    "preset": {"preset_out_bias": {"energy": [None, -3.5]}},
    "rcond": {"fitting_net": {**FITTING, "rcond": 0.6}},
}


def read_systems(type_map: list[str]) -> list[dict]:
    """Three periodic frames of 12 atoms and two open ones of 10, in deepmd-kit's form."""
    with np.load(HERE.parent / "reference" / "sea" / "data.npz") as file:
        coord, box, atype = file["coord"], file["box"], file["atype"]
    rng = np.random.default_rng(7)
    systems = []
    for nframes, natoms, cell in ((3, 12, box), (2, 10, None)):
        types = np.array([type_map.index("OH"[t]) for t in atype[:natoms]])
        numbers = np.bincount(types, minlength=len(type_map))
        system = {
            "coord": coord[:nframes, :natoms],
            "box": None if cell is None else cell[:nframes].reshape(nframes, 9),
            "atype": np.tile(types, (nframes, 1)),
            "natoms": np.tile([natoms, natoms, *numbers], (nframes, 1)),
            "energy": -100.0 * natoms + rng.normal(size=(nframes, 1)),
            "fparam": rng.normal(3.0, [2.0, 0.1], (nframes, 2)),
            "aparam": rng.normal(300.0, 1.0, (nframes, natoms, 1)),
        }
        systems.append({key: value if value is None else torch.as_tensor(value) for key, value in system.items()})
    return systems


def compute(changes: dict) -> dict:
    """The statistics of one model."""
    section = {"type_map": ["O", "H"], "descriptor": DESCRIPTOR, "fitting_net": FITTING} | deepcopy(changes)
    atomic = get_model(deepcopy(section)).atomic_model
    # this release does not pass the input's rcond on
    atomic.rcond = section["fitting_net"].get("rcond")
    systems = read_systems(section["type_map"])
    for system in systems:
        system["find_energy"] = 1.0
        if "default_fparam" in section["fitting_net"]:
            del system["fparam"]
    atomic.compute_or_load_stat(lambda: systems)
    block = getattr(atomic.descriptor, "sea", None) or atomic.descriptor.se_atten
    fitting = atomic.fitting_net
    arrays = {
        "davg": block.mean[:, 0, :2],
        "dstd": block.stddev[:, 0, :2],
        "out_bias": atomic.out_bias[0, :, 0],
        "out_std": atomic.out_std[0, :, 0],
        "fparam_avg": fitting.fparam_avg,
        "fparam_inv_std": fitting.fparam_inv_std,
        "aparam_avg": fitting.aparam_avg,
        "aparam_inv_std": fitting.aparam_inv_std,
    }
    figures = {name: array.tolist() for name, array in arrays.items() if array is not None}
    return {"section": changes, **figures}


if __name__ == "__main__":
    systems = [
        {key: value if value is None else value.tolist() for key, value in system.items() if key != "natoms"}
        for system in read_systems(["O", "H"])
    ]
    defaults = {"type_map": ["O", "H"], "descriptor": DESCRIPTOR, "fitting_net": FITTING}
    cases = {name: compute(changes) for name, changes in CASES.items()}
    text = json.dumps({"defaults": defaults, "systems": systems, "cases": cases}, indent=0)
    (HERE / "statistics.json").write_text(text + "\n")
