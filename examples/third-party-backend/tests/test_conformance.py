# SPDX-License-Identifier: LGPL-3.0-or-later
"""All of this backend's tests: those that deepmd-dp brings for any backend."""

from deepmd_dp.conformance import BackendConformance


class TestMLX(BackendConformance):
    flag = "mlx"
