# SPDX-License-Identifier: LGPL-3.0-or-later
"""A model of copper, trained once for all programs."""

from __future__ import annotations

import json
import subprocess

import pytest
from copper import DP as COMMAND
from copper import training_input, write_system

from deepmd.calculator import DP


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A frozen model."""
    folder = tmp_path_factory.mktemp("copper")
    write_system(folder / "data")
    config = training_input(300, training_data={"systems": ["data"], "batch_size": 1}, seed=1)
    (folder / "input.json").write_text(json.dumps(config))
    for command in ("train input.json", "freeze -o copper.pth"):
        subprocess.run([COMMAND, "--pt", *command.split()], cwd=folder, check=True, capture_output=True, text=True)
    return folder / "copper.pth"


@pytest.fixture
def calculator(model):
    """The model for ASE."""
    return DP(model)
