# SPDX-License-Identifier: LGPL-3.0-or-later
"""`.savedmodel` in C++, by the plug-in of deepmd-tf: it is TensorFlow that runs it."""

from __future__ import annotations

import pytest

from deepmd_dp.conformance import PluginTests
from deepmd_dp.conformance.plugins import PLUGIN_CASES

pytest.importorskip("tensorflow")
pytest.importorskip("deepmd_tf")


class TestPlugin(PluginTests):
    flag = "jax"
    distribution = "deepmd-tf"
    library = "tf"
    suffix = ".savedmodel"
    # each takes seconds to write, and seconds for each set of sizes
    plugin_cases = (PLUGIN_CASES[0], PLUGIN_CASES[-1])
    # TensorFlow 2.21 keeps almost a megabyte of each program that XLA has compiled
    growth = 16.0
