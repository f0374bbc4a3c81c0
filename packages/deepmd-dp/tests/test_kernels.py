# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the backends' libraries of kernels share."""

from __future__ import annotations

import pytest

from deepmd_dp.kit import kernels


def test_the_switch(monkeypatch):
    monkeypatch.delenv(kernels.SWITCH, raising=False)
    assert kernels.are_wanted()
    monkeypatch.setenv(kernels.SWITCH, "1")
    assert not kernels.are_wanted()


def test_a_library_is_found_beside_or_by_the_distribution(tmp_path):
    with pytest.raises(OSError, match=r"libabsent is neither in .* nor among deepmd-dp's installed files"):
        kernels.find_library("deepmd-dp", "libabsent", tmp_path)
    assert kernels.find_library("deepmd-dp", "libdeepmd_backend_dp", tmp_path).name == "libdeepmd_backend_dp.so"
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libabsent.so").touch()
    assert kernels.find_library("deepmd-dp", "libabsent", tmp_path) == tmp_path / "lib" / "libabsent.so"


def test_the_warning_says_why_and_what_to_do():
    with pytest.warns(
        RuntimeWarning, match="deepmd-x runs without .*no room.*Reinstall deepmd-x .*X 1.2.*DP_PLAIN_OPS=1"
    ):
        kernels.warn_without_kernels("deepmd-x", "X 1.2", OSError("no room"))
