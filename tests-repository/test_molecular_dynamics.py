# SPDX-License-Identifier: LGPL-3.0-or-later
"""examples/molecular-dynamics in short, as `tox -e lammps` runs it: no framework is installed."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from checkout import ROOT

FOLDER = ROOT / "examples" / "molecular-dynamics"


def run(tmp_path, *arguments):
    command = [sys.executable, FOLDER / "run.py", "--output", tmp_path, *arguments]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_no_framework_is_needed():
    assert [name for name in ("torch", "tensorflow", "jax", "paddle") if find_spec(name)] == []


@pytest.mark.parametrize("ranks", [1, 2])
def test_energy_is_conserved(tmp_path, ranks):
    printed = run(tmp_path, "--equilibration", "10", "--steps", "40", "--ranks", ranks)
    assert "energy_drift.png" in printed
    energies = re.findall(r"^ +(\d+) +[\d.]+ +[-\d.]+ +[\d.]+ +(-[\d.]+) +[-\d.]+$", printed, re.MULTILINE)
    total = np.array([float(energy) for step, energy in energies if int(step) in (0, 40)][-2:])
    # 576 atoms; at 0.5 fs the sum fluctuates by some 2e-5 eV an atom
    assert abs(total[1] - total[0]) / 576 < 5e-5
    assert {path.name for path in tmp_path.glob("*.png")} == {"energy_drift.png", "radial_distribution.png"}
