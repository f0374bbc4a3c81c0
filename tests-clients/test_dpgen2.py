# SPDX-License-Identifier: LGPL-3.0-or-later
"""dpgen2's steps that call us, without the workflow around them: training, and labels by a teacher model."""

from __future__ import annotations

import json
import os
from pathlib import Path

import copper
import dpdata
import numpy as np
import pytest
from dflow.python import OPIO
from dpgen2.fp.deepmd import DeepmdInputs, PrepDeepmd, RunDeepmd
from dpgen2.op.run_dp_train import RunDPTrain
from dpgen2.utils import BinaryFileInput

from deepmd.infer import DeepPot

TASK = "task.0000"


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    """The steps work in the current folder and call `dp` by its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(copper.DP).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("DP_BACKEND", raising=False)


def train(folder, impl, **changes):
    """What the step gives, of two training steps on two systems."""
    copper.write_system(folder / "first", nframes=2)
    copper.write_system(folder / "iterations" / "second", nframes=2)
    prepared = folder / "prepared"
    prepared.mkdir()
    config = copper.training_input(2, training_data={"systems": [], "batch_size": 1}, seed=1)
    (prepared / "input.json").write_text(json.dumps(config))
    given = {
        "config": {"impl": impl, "init_model_policy": "no"},
        "task_name": TASK,
        "optional_parameter": RunDPTrain.default_optional_parameter,
        "task_path": prepared,
        "init_model": None,
        "init_data": [folder / "first"],
        "iter_data": [folder / "iterations"],
        "valid_data": None,
        "optional_files": None,
    }
    return RunDPTrain().execute(OPIO(given | changes))


@pytest.mark.parametrize(("impl", "ending"), [("tensorflow", ".pb"), ("pytorch", ".pt")])
def test_training(tmp_path, impl, ending):
    result = train(tmp_path, impl)
    assert result["model"].suffix == ending
    assert np.isfinite(np.loadtxt(result["lcurve"])).all()
    assert np.isfinite(DeepPot(result["model"]).eval(np.eye(3)[None] * 2, None, [0, 0, 0])[0]).all()


def test_training_from_a_model(tmp_path, model):
    config = {"impl": "pytorch", "init_model_policy": "yes", "init_model_numb_steps": 2}
    result = train(tmp_path, "pytorch", config=config, init_model=model)
    # the model has learned before
    assert np.loadtxt(result["lcurve"], ndmin=2)[0, 3] < 1.0


def test_labels_by_a_teacher(tmp_path, model):
    frame = dpdata.System(copper.rattled(2, 7), fmt="ase/structure")
    PrepDeepmd().prep_task(frame, DeepmdInputs())
    # its file is there only while it is opened
    out, log = RunDeepmd().run_task(BinaryFileInput(model), "labels", "fp.log")
    labels = dpdata.LabeledSystem(out, fmt="deepmd/npy")
    energy, force, _ = DeepPot(model).eval(frame["coords"], frame["cells"], [0] * 32)
    np.testing.assert_allclose(labels["energies"], energy[:, 0], rtol=1e-14)
    np.testing.assert_allclose(labels["forces"], force, atol=1e-13)
    assert Path(log).read_text() == "job finished!\n"
