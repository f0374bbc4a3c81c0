# SPDX-License-Identifier: LGPL-3.0-or-later
"""The plug-in that runs `.json` in C++."""

from __future__ import annotations

from deepmd_dp.conformance import PluginTests


class TestPlugin(PluginTests):
    flag = "pd"
    distribution = "deepmd-pd"
    library = "pd"
    suffix = ".json"
    # Paddle 3.3 numbers all operations of a process and keeps each number for good: 0.25 MB a model here
    growth = 20.0
