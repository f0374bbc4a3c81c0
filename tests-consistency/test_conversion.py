# SPDX-License-Identifier: LGPL-3.0-or-later
"""Any backend's kind of model file can be made from any other's; each backend's own are in its conformance suite."""

from __future__ import annotations

import pytest
from backends import TRAINING, suite_of

from deepmd_dp.conformance.conversion import check_conversion

FILE_KINDS = [file_kind for flag in TRAINING for file_kind in suite_of(flag)().file_kinds()]
PAIRS = [
    (source, target)
    for source in FILE_KINDS
    for target in FILE_KINDS
    if source.flag != target.flag and not target.is_checkpoint
]


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=str)
def test_convert(models, source, target, tmp_path):
    check_conversion(models, source, target, tmp_path)
