# SPDX-License-Identifier: LGPL-3.0-or-later
"""Any backend's kind of model file can be made from any other's; each backend's own are in its conformance suite."""

from __future__ import annotations

import pytest
from backends import ALL_CASES, TRAINING, suite_of

from deepmd.contract import write_document
from deepmd.entrypoints.convert_backend import convert
from deepmd_dp.conformance.cases import CASES
from deepmd_dp.conformance.conversion import check_conversion
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.numpy_backend.compress import compress

FILE_KINDS = {flag: suite_of(flag)().file_kinds() for flag in TRAINING}
TARGETS = [kind for kinds in FILE_KINDS.values() for kind in kinds if not kind.is_checkpoint]
PAIRS = [
    (source, target)
    for flag, kinds in FILE_KINDS.items()
    for source in (kinds if ALL_CASES else kinds[:1])
    for target in (TARGETS if ALL_CASES else [others[0] for others in FILE_KINDS.values()])
    if target.flag != flag
]
"""Of each backend's first kind of file; all kinds where all is tried."""


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=str)
def test_convert(models, source, target, tmp_path):
    check_conversion(models, source, target, tmp_path)


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_convert_compressed(target, tmp_path):
    """What a table of NumPy gives, every backend's file gives: `convert` verifies it."""
    case = next(case for case in CASES if case.name == "hybrid: three lists")
    write_document(tmp_path / "compressed.dp", compress(random_document(case), lambda: 0.9))
    assert convert(str(tmp_path / "compressed.dp"), str(tmp_path / f"compressed{target.suffix}"))
