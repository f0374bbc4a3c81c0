# SPDX-License-Identifier: LGPL-3.0-or-later
"""Any kind of model file can be made from any other, without a change to the last bit."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from backends import FORMS
from cases import row

from deepmd.backend.discovery import backend_of_file
from deepmd.contract import walk_arrays
from deepmd.entrypoints.convert_backend import convert

CASE = row(
    "se_e2_a",
    "two precisions, parameters",
    precision="float32",
    fitting={"numb_fparam": 1, "numb_aparam": 2, "atom_ener": [None, 0.5]},
)
TARGETS = [form for form in FORMS if not form.is_checkpoint]


@pytest.mark.parametrize(("source", "target"), list(product(FORMS, TARGETS)), ids=str)
def test_convert(models, source, target, tmp_path):
    """The self-test is verified by `convert` itself, with the target's backend."""
    document = models.document(CASE)
    before = source.write(tmp_path / "before", document)
    after = tmp_path / f"after{target.suffix}"
    differences = convert(str(before), str(after))
    assert set(differences) == {"energy", "force", "virial"}
    converted = backend_of_file(after).serialize_hook(str(after))
    assert converted["self_test"] is not None
    assert converted["model_def_script"] == document["model_def_script"]
    assert_same_tree(converted["model"], document["model"])


def assert_same_tree(actual, expected) -> None:
    mine, theirs = dict(walk_arrays(actual)), dict(walk_arrays(expected))
    assert set(mine) == set(theirs)
    for path, array in mine.items():
        assert array.dtype == theirs[path].dtype, path
        assert np.array_equal(array, theirs[path]), path
