# SPDX-License-Identifier: LGPL-3.0-or-later
"""A third party's plug-in, built as its author would, and a model of it: they serve all tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import deepmd_cc

EXAMPLE = Path(__file__).parents[3] / "examples" / "third-party-plugin"
ARGON = "type_map Ar Kr\nrcut 8.5\nepsilon 0.0104\nsigma 3.40\n"


@pytest.fixture(scope="session", autouse=True)
def plugin_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugin")
    hint = f"-Ddeepmd_cc_DIR={deepmd_cc.cmake_dir()}"
    subprocess.run(["cmake", "-S", EXAMPLE, "-B", folder, hint], check=True, capture_output=True)
    subprocess.run(["cmake", "--build", folder], check=True, capture_output=True)
    os.environ["DEEPMD_PLUGIN_PATH"] = str(folder)
    return folder


@pytest.fixture
def argon(tmp_path):
    """The file of a Lennard-Jones model of argon and krypton, which do not differ."""
    path = tmp_path / "argon.lj"
    path.write_text(ARGON)
    return path
