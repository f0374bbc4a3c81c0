# SPDX-License-Identifier: LGPL-3.0-or-later
"""What every backend must pass."""

from deepmd_dp.conformance import BackendConformance


class TestTensorFlow(BackendConformance):
    flag = "tf"
