# SPDX-License-Identifier: LGPL-3.0-or-later
"""The plug-in that runs `.pth` in C++."""

from __future__ import annotations

from deepmd_dp.conformance import PluginTests


class TestPlugin(PluginTests):
    flag = "pt"
    distribution = "deepmd-pt"
    library = "pt"
    suffix = ".pth"
