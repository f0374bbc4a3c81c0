# SPDX-License-Identifier: LGPL-3.0-or-later
"""Any backend's kind of model file can be made from any other's; each backend's own are in its conformance suite."""

from __future__ import annotations

import pytest
from backends import TRAINING, suite_of

from deepmd_dp.conformance.conversion import check_conversion

FORMS = [form for flag in TRAINING for form in suite_of(flag)().forms()]
PAIRS = [
    (source, target) for source in FORMS for target in FORMS if source.flag != target.flag and not target.is_checkpoint
]


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=str)
def test_convert(models, source, target, tmp_path):
    check_conversion(models, source, target, tmp_path)
