# SPDX-License-Identifier: LGPL-3.0-or-later
"""How the backend presents itself, and what it leaves alone in the process that uses it."""

from __future__ import annotations

import os
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


def run(code: str, **environment: str) -> str:
    environment = os.environ | environment
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    return done.stdout


def test_presenting_itself_does_not_import_jax():
    run("import sys; from deepmd_jax.backend import JaxBackend; JaxBackend(); assert 'jax' not in sys.modules")


def test_a_users_own_code_stays_in_float32():
    code = (
        "import numpy as np, jax.numpy as jnp, deepmd_jax.trainer, deepmd_jax.deep_eval;"
        "from deepmd_jax.arrays import from_numpy;"
        "print(from_numpy(np.ones(1)).dtype, jnp.ones(1).dtype, jnp.asarray(np.arange(2.0)).dtype)"
    )
    assert run(code).split() == ["float64", "float32", "float32"]


COUNT = """
import os
from pathlib import Path
from deepmd_jax.device import device_name

before = {name: os.environ.get(name) for name in ("PJRT_NPROC", "NPROC")}
print(device_name())
assert {name: os.environ.get(name) for name in before} == before
print([path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")].count("tf_XLAEigen"))
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted by Linux's files of them")
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"OMP_NUM_THREADS": "1"}, ["cpu (1 thread)", "1"]),
        ({"OMP_NUM_THREADS": "3"}, ["cpu (3 threads)", "3"]),
        ({"OMP_NUM_THREADS": "3", "NPROC": "2"}, ["cpu (2 threads)", "2"]),
    ],
)
def test_number_of_threads(environment, expected):
    assert run(COUNT, DEVICE="cpu", **environment).splitlines() == expected
