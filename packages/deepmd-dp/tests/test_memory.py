# SPDX-License-Identifier: LGPL-3.0-or-later
"""What is freed is there for the next one."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

CODE = """
import resource, threading
from deepmd_dp.kit.memory import keep_memory
keep_memory()
import numpy as np
faults = []
def work():
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        np.empty(100_000_000, np.uint8).fill(1)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(faults[-1])
"""


def faults_with(**environment: str) -> int:
    """Pages that the third of three equal pieces of 100 MB has to be given, in another thread than the first."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    out = subprocess.run([sys.executable, "-c", CODE], env=given | environment, check=True, capture_output=True)
    return int(out.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_large_pieces_stay():
    assert faults_with() < 100


def test_own_settings_stay():
    assert faults_with(MALLOC_ARENA_MAX="3") > 100
