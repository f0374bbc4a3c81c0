# SPDX-License-Identifier: LGPL-3.0-or-later
"""Where compiled programs are kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

CODE = (
    "import os; os.chdir('/'); from deepmd_jax.compile_cache import use_compile_cache; import jax;"
    "use_compile_cache(); print(jax.config.jax_compilation_cache_dir)"
)


AS_NOBODY = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
"""Root may write everywhere."""


def folder_with(user: dict[str, Any] | None = None, **environment: str) -> str:
    base = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    out = subprocess.run(
        [sys.executable, "-c", CODE], env=base | environment, check=True, capture_output=True, text=True, **(user or {})
    )
    assert out.stderr == ""
    return out.stdout.strip()


def test_in_the_users_cache_folder(tmp_path):
    assert folder_with(XDG_CACHE_HOME=str(tmp_path)) == str(tmp_path / "deepmd-jax")
    assert (tmp_path / "deepmd-jax").is_dir()


def test_jaxs_own_variable_wins(tmp_path):
    found = folder_with(XDG_CACHE_HOME=str(tmp_path), JAX_COMPILATION_CACHE_DIR=str(tmp_path / "own"))
    assert found == str(tmp_path / "own")


def test_off_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").touch()
    assert folder_with(XDG_CACHE_HOME=str(tmp_path / "file")) == "None"


def test_off_in_a_folder_of_someone_else():
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        Path(folder, "deepmd-jax").mkdir(mode=0o500)
        try:
            assert folder_with(AS_NOBODY, XDG_CACHE_HOME=folder) == "None"
        except (PermissionError, subprocess.CalledProcessError):
            pytest.skip("another user cannot run this Python")
