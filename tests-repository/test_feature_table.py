# SPDX-License-Identifier: LGPL-3.0-or-later
"""README's table of features is what the code gives; runs where all backends are installed."""

from __future__ import annotations

import subprocess
import sys

from checkout import ROOT


def test_readme_agrees_with_the_code():
    command = [sys.executable, str(ROOT / "tools/feature_table.py"), "--check"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
