# SPDX-License-Identifier: LGPL-3.0-or-later
"""The quickstart from end to end, with fewer steps."""

from __future__ import annotations

import re
import subprocess
import sys

from checkout import ROOT

RESULTS = ("lcurve.out", "lcurve.png", "frozen_model.pth", "model.dp", "parity_pth.png", "parity_dp.png")


def test_short_run(tmp_path):
    command = [sys.executable, str(ROOT / "examples/water/quickstart.py")]
    arguments = ["--steps", "20", "--md-steps", "4", "--output", str(tmp_path)]
    process = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr
    for name in RESULTS:
        assert (tmp_path / name).stat().st_size > 0
    errors = re.findall(r"RMSE\s+([\d.]+) meV/atom\s+([\d.]+) meV/Å", process.stdout)
    assert len(errors) == 2
    assert errors[0] == errors[1]
