# SPDX-License-Identifier: LGPL-3.0-or-later
"""Installed libraries look for others beside themselves alone, and for no Python; runs where all packages are."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import distribution
from pathlib import Path

import pytest

LIBRARIES = {"deepmd-cc": 2, "deepmd-dp": 1, "deepmd-pt": 2, "deepmd-tf": 2, "deepmd-jax": 1, "deepmd-pd": 3}


@pytest.mark.parametrize("package", LIBRARIES)
def test_libraries(package):
    installed = distribution(package)
    libraries = [Path(str(file.locate())) for file in installed.files or () if file.name.endswith(".so")]
    assert len(libraries) == LIBRARIES[package]
    assert "Tag: py3-none-" in (installed.read_text("WHEEL") or "")
    for library in libraries:
        shown = subprocess.run(["readelf", "--dynamic", library], capture_output=True, text=True, check=True).stdout
        folders = ":".join(re.findall(r"\(R(?:UN)?PATH\).*\[(.*)\]", shown)).split(":")
        assert [folder for folder in folders if folder and not folder.startswith("$ORIGIN")] == []
        assert "libpython" not in shown
