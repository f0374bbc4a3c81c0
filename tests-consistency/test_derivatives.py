# SPDX-License-Identifier: LGPL-3.0-or-later
"""NumPy's own forces and virials, which all others are compared with, against finite differences of its outputs."""

from __future__ import annotations

from deepmd_dp.conformance.derivatives import DerivativeTests


class TestDerivatives(DerivativeTests):
    """All models of the table."""
