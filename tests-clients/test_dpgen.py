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
from ase.io import write

BIN = Path(sys.executable).parent


def parameters(folder):
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


def run(folder, changes):
    """A run with these parameters, in the folder."""
    copper.write_system(folder / "init", nframes=4)
    write(folder / "POSCAR", copper.rattled(2, 11), format="vasp")
    (folder / "param.json").write_text(json.dumps(parameters(folder) | changes))
    (folder / "machine.json").write_text(json.dumps(machine()))
    environment = {name: value for name, value in os.environ.items() if name != "DP_BACKEND"}
    environment |= {"OMP_NUM_THREADS": "1", "HOME": str(folder)}
    command = [str(BIN / "dpgen"), "run", "param.json", "machine.json"]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def assert_trained(training, ending):
    """Both models are there, compressed, and linked for the next stage."""
    for number in ("000", "001"):
        assert (training / f"graph.{number}.{ending}").exists()
        assert (training / number / f"frozen_model_compressed.{ending}").is_file()


def test_an_iteration(tmp_path):
    """With the backend that plain `dp train` takes, where PyTorch is installed too."""
    run(tmp_path, {"train_backend": "tensorflow"})
    for iteration in ("iter.000000", "iter.000001"):
        assert_trained(tmp_path / iteration / "00.train", "pb")
    (deviation,) = (tmp_path / "iter.000000" / "01.model_devi").glob("task.*/model_devi.out")
    table = np.loadtxt(deviation)
    assert table.shape == (5, 7)
    assert (table[:, 4] > 0).all()
    (labelled,) = (tmp_path / "iter.000000" / "02.fp").glob("data.*/**/energy.npy")
    assert len(np.load(labelled)) == 3
    assert "frames" in (tmp_path / "iter.000001" / "00.train" / "000" / "train.log").read_text()


def test_training_starts_from_a_frozen_model(tmp_path, model):
    run(tmp_path, {"train_backend": "pytorch", "training_init_frozen_model": [str(model)] * 2, "model_devi_jobs": []})
    training = tmp_path / "iter.000000" / "00.train"
    assert_trained(training, "pth")
    # the model has learned before
    assert np.loadtxt(training / "000" / "lcurve.out")[0, 3] < 1.0
