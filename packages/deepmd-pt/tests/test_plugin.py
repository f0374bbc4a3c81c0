# SPDX-License-Identifier: LGPL-3.0-or-later
"""The plug-in that runs `.pth` in C++."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_dp.conformance import PluginTests
from deepmd_dp.conformance.plugin_calls import PluginError
from deepmd_dp.conformance.plugins import graph_with_ghosts


class TestPlugin(PluginTests):
    flag = "pt"
    distribution = "deepmd-pt"
    library = "pt"
    suffix = ".pth"

    def test_an_operation_that_fails_is_one_sentence(self, models, file_kind):
        """Without the trace of the script, of which there is a copy for each function that was called."""
        case = self.plugin_cases[1]
        arrays, _ = graph_with_ghosts(models.evaluator(case, file_kind))
        with self.plugin.open(models.path(case, file_kind)) as model:
            for name in ("atype", "lists_0_0_nlist"):
                with pytest.raises(PluginError, match=r"^RuntimeError: index [\w ]*out of [\w ]*$"):
                    model.run(arrays | {name: np.full_like(arrays[name], 10**6)})
