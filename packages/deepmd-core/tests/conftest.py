# SPDX-License-Identifier: LGPL-3.0-or-later
"""What all tests of deepmd-core have: rows of the registry that are toys, whatever else is installed."""

from __future__ import annotations

import pytest
import toy_rows


@pytest.fixture(scope="session", autouse=True)
def only_toy_rows():
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(toy_rows.installed, "entry_points", toy_rows.entry_points)
        toy_rows.forget()
        yield
    toy_rows.forget()
