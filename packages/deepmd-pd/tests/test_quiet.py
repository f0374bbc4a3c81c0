# SPDX-License-Identifier: LGPL-3.0-or-later
"""Importing paddle leaves the process as it was and prints nothing; each in a fresh process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from deepmd_dp.kit.threads import cpu_name

HEAD = "from deepmd.backend.discovery import get_backend\n"


def run(code: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=True
    )


def test_presenting_the_backend_does_not_import_paddle():
    run("import sys; from deepmd_pd.backend import PaddleBackend; PaddleBackend(); assert 'paddle' not in sys.modules")


@pytest.mark.parametrize("threads", ["1", "2"])
def test_nothing_is_printed(threads):
    done = run(HEAD + "get_backend('pd').trainer", OMP_NUM_THREADS=threads)
    assert done.stdout == done.stderr == ""


def test_nor_where_a_module_is_imported_first():
    done = run("import deepmd_pd.deep_eval")
    assert done.stdout == done.stderr == ""


def test_environment_and_logging_stay():
    code = """
import logging, os
before = dict(os.environ)
get_backend("pd").trainer
assert dict(os.environ) == before, set(os.environ.items()) ^ set(before.items())
assert not logging.root.handlers
"""
    # else the first is set where the cores are busy, and Paddle sets the other for itself
    run(HEAD + code, OMP_WAIT_POLICY="PASSIVE", CUSTOM_DEVICE_ROOT="")


def test_number_of_threads():
    code = "import sys; from deepmd_pd.arrays import device_name; print(device_name())"
    assert run(code, OMP_NUM_THREADS="3", DEVICE="cpu").stdout == "cpu (3 threads)\n"
    assert run(code, OMP_NUM_THREADS="", DEVICE="cpu").stdout == f"{cpu_name(len(os.sched_getaffinity(0)))}\n"


def test_signals_stay_with_python():
    code = """
import os, signal
received = []
signal.signal(signal.SIGTERM, lambda *_: received.append("TERM"))
# a shell ignores it for what it runs in the background
signal.signal(signal.SIGINT, signal.default_int_handler)
get_backend("pd").trainer
os.kill(os.getpid(), signal.SIGTERM)
assert received == ["TERM"]
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""
    assert run(HEAD + code).stdout == "interrupted\n"


def test_an_end_by_signal_prints_nothing():
    code = HEAD + "import os, signal; get_backend('pd').trainer; os.kill(os.getpid(), signal.SIGTERM)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-15, "", "")
