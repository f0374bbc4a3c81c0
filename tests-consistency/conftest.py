# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models of the table, written and loaded once for all tests."""

from __future__ import annotations

import pytest
from evaluation import Models


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Models:
    return Models(tmp_path_factory.mktemp("models"))
