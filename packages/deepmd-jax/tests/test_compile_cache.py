# SPDX-License-Identifier: LGPL-3.0-or-later
"""Where compiled programs are kept."""

from __future__ import annotations

import os
import subprocess
import sys

from deepmd_dp.conformance.permissions import obey_permissions

CODE = (
    "import os; os.chdir('/'); from deepmd_jax.compile_cache import use_compile_cache; import jax;"
    "use_compile_cache(); print(jax.config.jax_compilation_cache_dir)"
)

FULL = (
    "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (99, 99)); plus = lambda x: x + 1;"
    "jax.jit(plus)(1.0); jax.clear_caches(); jax.jit(plus)(1.0)"
)
"""A program of which a part is kept, and then read."""


def folder_with(code: str = CODE, **environment: str) -> str:
    base = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    command = [sys.executable, "-c", code]
    out = subprocess.run(
        command, env=base | environment, preexec_fn=obey_permissions, check=True, capture_output=True, text=True
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


def test_off_in_a_folder_that_must_not_be_written_to(tmp_path):
    (tmp_path / "deepmd-jax").mkdir(mode=0o500)
    assert folder_with(XDG_CACHE_HOME=str(tmp_path)) == "None"


def test_a_full_disk_is_no_news(tmp_path):
    folder_with(f"{CODE};{FULL}", XDG_CACHE_HOME=str(tmp_path), JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0")
    assert {file.stat().st_size for file in (tmp_path / "deepmd-jax").glob("*-cache")} == {99}
