# SPDX-License-Identifier: LGPL-3.0-or-later
"""The quickstart from end to end with fewer steps, in each backend that the environment must have."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import ROOT

from deepmd.backend.discovery import find_backend

FLAGS = [flag for flag in os.environ.get("DEEPMD_REQUIRED_BACKENDS", "pt").split(",") if flag != "dp"]
ONCE = pytest.mark.skipif("pt" not in FLAGS, reason="what is tried does not hang on the framework")


@pytest.mark.parametrize("flag", FLAGS)
def test_short_run(tmp_path, flag):
    command = [sys.executable, str(ROOT / "examples/water/quickstart.py"), "--backend", flag]
    arguments = ["--steps", "20", "--md-steps", "4", "--output", str(tmp_path)]
    process = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr
    ending = find_backend(flag).suffixes[0]
    pictures = ("lcurve.png", f"parity_{ending[1:]}.png", "parity_dp.png")
    for name in ("lcurve.out", f"frozen_model{ending}", "model.dp", *pictures):
        assert (tmp_path / name).stat().st_size > 0
    errors = re.findall(r"RMSE\s+([\d.]+) meV/atom\s+([\d.]+) meV/Å", process.stdout)
    assert len(errors) == 2
    assert errors[0] == errors[1]


@ONCE
@pytest.mark.parametrize("flag", FLAGS)
def test_dipoles(tmp_path, flag):
    command = [sys.executable, str(ROOT / "examples/dipole/learn_dipoles.py"), "--backend", flag]
    arguments = ["--steps", "20", "--output", str(tmp_path)]
    process = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr
    for name in ("lcurve.out", "detail.out", "parity.png"):
        assert (tmp_path / name).stat().st_size > 0
    assert re.search(r"RMSE of the whole dipole \d+\.\d+ e·Å", process.stdout)


@ONCE
@pytest.mark.parametrize("example", ["water", "water/se_atten_compressible"])
def test_examples_do_not_warn(tmp_path, example):
    """In an input that is there to be copied nothing is to be mended."""
    folder = tmp_path / example
    folder.mkdir(parents=True)
    (tmp_path / "water" / "data").symlink_to(ROOT / "examples" / "water" / "data")
    config = json.loads((ROOT / "examples" / example / "input.json").read_text())
    config["training"]["numb_steps"] = 1
    (folder / "input.json").write_text(json.dumps(config))
    command = [str(Path(sys.executable).with_name("dp")), f"--{FLAGS[0]}", "train", "input.json", "-l", "train.log"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    lines = (folder / "train.log").read_text(encoding="utf-8").splitlines()
    assert lines
    assert not [line for line in lines if " WARNING " in line]
