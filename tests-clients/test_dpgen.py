# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dpgen run` for one iteration: train, explore in LAMMPS with model deviation, label, train again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import copper
import numpy as np
import pytest
from ase.io import write

BIN = Path(sys.executable).parent


def parameters(folder, backend):
    return {
        "type_map": ["Cu"],
        "mass_map": [63.546],
        "init_data_prefix": str(folder),
        "init_data_sys": ["init"],
        "init_batch_size": [1],
        "sys_format": "vasp/poscar",
        "sys_configs_prefix": str(folder),
        "sys_configs": [["POSCAR"]],
        "sys_batch_size": [1],
        "numb_models": 2,
        "train_backend": backend,
        "dp_compress": True,
        "training_reuse_iter": 1,
        "training_reuse_stop_batch": 10,
        "default_training_param": copper.training_input(20, seed=1),
        "model_devi_dt": 0.001,
        "model_devi_skip": 0,
        "model_devi_f_trust_lo": 1e-6,
        "model_devi_f_trust_hi": 1e3,
        "model_devi_clean_traj": True,
        "model_devi_jobs": [
            {"sys_idx": [0], "temps": [50], "trj_freq": 5, "nsteps": 20, "ensemble": "nvt", "_idx": "00"}
        ],
        "fp_style": "custom",
        "shuffle_poscar": False,
        "fp_task_max": 3,
        "fp_task_min": 1,
        "fp_params": {
            "input_fn": "in.vasp",
            "input_fmt": "vasp/poscar",
            "output_fn": "out.traj",
            "output_fmt": "ase/traj",
        },
    }


def machine():
    commands = {
        "train": copper.DP,
        "model_devi": str(BIN / "lmp"),
        "fp": f"{sys.executable} {copper.__file__} in.vasp out.traj",
    }
    place = {"batch_type": "Shell", "context_type": "LocalContext", "local_root": "./", "remote_root": "./work"}
    resources = {"number_node": 1, "cpu_per_node": 1, "gpu_per_node": 0, "queue_name": "", "group_size": 10}
    stages = {
        name: [{"command": command, "machine": place, "resources": resources}] for name, command in commands.items()
    }
    return {"api_version": "1.0", **stages}


@pytest.mark.parametrize(("backend", "ending"), [("tensorflow", "pb"), ("pytorch", "pth")])
def test_an_iteration(tmp_path, backend, ending):
    copper.write_system(tmp_path / "init", nframes=4)
    write(tmp_path / "POSCAR", copper.rattled(2, 11), format="vasp")
    (tmp_path / "param.json").write_text(json.dumps(parameters(tmp_path, backend)))
    (tmp_path / "machine.json").write_text(json.dumps(machine()))
    environment = {name: value for name, value in os.environ.items() if name != "DP_BACKEND"}
    environment |= {"OMP_NUM_THREADS": "1", "HOME": str(tmp_path)}
    command = [str(BIN / "dpgen"), "run", "param.json", "machine.json"]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    for iteration in ("iter.000000", "iter.000001"):
        training = tmp_path / iteration / "00.train"
        for number in ("000", "001"):
            assert (training / f"graph.{number}.{ending}").exists()
            assert (training / number / f"frozen_model_compressed.{ending}").is_file()
    (deviation,) = (tmp_path / "iter.000000" / "01.model_devi").glob("task.*/model_devi.out")
    table = np.loadtxt(deviation)
    assert table.shape == (5, 7)
    assert (table[:, 4] > 0).all()
    (labelled,) = (tmp_path / "iter.000000" / "02.fp").glob("data.*/set.000/energy.npy")
    assert len(np.load(labelled)) == 3
