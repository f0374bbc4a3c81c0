# SPDX-License-Identifier: LGPL-3.0-or-later
"""How the backend presents itself, and what it leaves alone in the process that uses it."""

from __future__ import annotations

import subprocess
import sys

import jax
import pytest

from deepmd.backend import Backend
from deepmd.backend.discovery import backend_of_file, get_backend
from deepmd_jax.backend import JaxBackend


@pytest.mark.parametrize("name", ["frozen_model.hlo", "model.xlo", "model.savedmodel", "model.ckpt-100.jax"])
def test_found_by_the_endings_of_its_files(name):
    assert type(backend_of_file(name)) is JaxBackend


def test_can_do_everything():
    assert all(feature in JaxBackend.features for feature in Backend.Feature)


def test_framework_version():
    assert get_backend("jax").framework_version() == jax.__version__


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_presenting_itself_does_not_import_jax():
    run("import sys; from deepmd_jax.backend import JaxBackend; JaxBackend(); assert 'jax' not in sys.modules")


def test_a_users_own_code_stays_in_float32():
    code = (
        "import numpy as np, jax.numpy as jnp, deepmd_jax.trainer, deepmd_jax.deep_eval;"
        "from deepmd_jax.arrays import from_numpy;"
        "print(from_numpy(np.ones(1)).dtype, jnp.ones(1).dtype, jnp.asarray(np.arange(2.0)).dtype)"
    )
    assert run(code).split() == ["float64", "float32", "float32"]
