# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models of the table, written and loaded once for all tests."""

from __future__ import annotations

import os

import pytest

from deepmd_dp.conformance.evaluation import Models, shared_models

# JAX compiles hundreds of small programs here and runs each but a few times: less care halves the time
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Models:
    return shared_models(tmp_path_factory.getbasetemp())
