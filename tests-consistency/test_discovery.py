# SPDX-License-Identifier: LGPL-3.0-or-later
"""The backends that must be tested are there: a missing or broken one is a failure, not fewer tests."""

from __future__ import annotations

import pytest
from backends import BACKENDS, REQUIRED

from deepmd.backend.discovery import get_backend
from deepmd_dp.conformance.file_kinds import file_kinds_of


@pytest.mark.parametrize("flag", REQUIRED or ["dp"])
def test_required_backend_is_tested(flag):
    get_backend(flag)
    assert flag in BACKENDS


@pytest.mark.parametrize("flag", BACKENDS)
def test_backend_has_files(flag):
    assert [file_kind for file_kind in file_kinds_of(flag) if not file_kind.is_checkpoint]


def test_no_two_backends_read_the_same_files():
    suffixes = [file_kind.suffix for flag in BACKENDS for file_kind in file_kinds_of(flag)]
    assert len(suffixes) == len(set(suffixes))
