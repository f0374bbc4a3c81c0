# SPDX-License-Identifier: LGPL-3.0-or-later
"""C++ is laid out by clang-format, as the one ``.clang-format`` of the checkout says."""

from __future__ import annotations

import subprocess

import pytest
from checkout import ROOT, tracked_files


def test_layout():
    pytest.importorskip("clang_format")
    sources = [str(path) for path in tracked_files("*.hpp", "*.cpp")]
    assert len(sources) > 20
    command = ["clang-format", "--dry-run", "--Werror", *sources]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
