# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the backends' fused kernels share."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_dp.kit import kernels
from deepmd_dp.nn.network import EmbeddingNetwork


def layers_of(activation_function="tanh", resnet_dt=True):
    rng = np.random.default_rng(0)
    return EmbeddingNetwork.initial(rng, 1, [2, 4], activation_function=activation_function, resnet_dt=resnet_dt).layers


def test_layers_are_flattened_in_order():
    layers = layers_of()
    spec, params = kernels.flatten_layers(layers)
    assert spec == [1, 1, 1, 1] * 2
    expected = [array for each in layers for array in (each.w, each.b, each.idt)]
    assert all(mine is theirs for mine, theirs in zip(params, expected, strict=True))
    assert kernels.flatten_layers(layers_of("Sigmoid", resnet_dt=False))[0] == [3, 1, 0, 1] * 2


def test_some_functions_are_unknown_to_the_kernels():
    assert kernels.know(layers_of("gelu_tf"))
    assert not kernels.know(layers_of("softplus"))
    assert not kernels.know([])


def test_the_switch(monkeypatch):
    monkeypatch.delenv(kernels.SWITCH, raising=False)
    assert kernels.are_wanted()
    monkeypatch.setenv(kernels.SWITCH, "1")
    assert not kernels.are_wanted()


def test_a_library_is_found_beside_or_by_the_distribution(tmp_path):
    with pytest.raises(OSError, match=r"libabsent is neither in .* nor among deepmd-dp's installed files"):
        kernels.find_library("deepmd-dp", "libabsent", tmp_path)
    assert kernels.find_library("deepmd-dp", "_neighbor", tmp_path).name.startswith("_neighbor.")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libabsent.so").touch()
    assert kernels.find_library("deepmd-dp", "libabsent", tmp_path) == tmp_path / "lib" / "libabsent.so"


def test_the_warning_says_why_and_what_to_do():
    with pytest.warns(
        RuntimeWarning, match="deepmd-x runs without .*no room.*Reinstall deepmd-x .*X 1.2.*DP_PLAIN_OPS=1"
    ):
        kernels.warn_without_kernels("deepmd-x", "X 1.2", OSError("no room"))
