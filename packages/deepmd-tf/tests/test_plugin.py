# SPDX-License-Identifier: LGPL-3.0-or-later
"""The plug-in that runs `.pb` in C++; `.savedmodel`, which it runs too, is tried by deepmd-jax."""

from __future__ import annotations

from deepmd_dp.conformance import PluginTests


class TestPlugin(PluginTests):
    flag = "tf"
    distribution = "deepmd-tf"
    library = "tf"
    suffix = ".pb"
