# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models of deepmd-kit 3.2.0: every backend gives its figures, from its `.dp` file and from those made of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backends import FIRST_FORMS
from comparison import DOUBLE, SINGLE, assert_close

from deepmd.contract import read_document

FOLDER = Path(__file__).resolve().parent.parent / "packages/deepmd-dp/tests/data/reference"
NAMES = sorted(path.name for path in FOLDER.iterdir())
QUANTITIES = ("energy", "atom_energy", "force", "virial", "atom_virial")


@pytest.fixture(params=NAMES)
def reference(request) -> Path:
    return FOLDER / request.param


def test_all_cases_are_there():
    assert len(NAMES) == 14


@pytest.mark.parametrize("form", FIRST_FORMS, ids=str)
def test_results(reference, form, tmp_path):
    original = reference / "model.dp"
    path = original if form.suffix == ".dp" else form.write(tmp_path / "model", read_document(original))
    model = form.backend.deep_eval(str(path))
    tolerance = SINGLE if reference.name.endswith("f32") else DOUBLE
    with np.load(reference / "data.npz") as data:
        for boundary, box in (("pbc", data["box"]), ("nopbc", None)):
            results = model.eval(data["coord"], box, **inputs(data))
            for name in QUANTITIES:
                expected = data[f"{boundary}_{name}"].reshape(results[name].shape)
                assert_close(results[name], expected, tolerance, name)


def inputs(data) -> dict:
    nframes = len(data["coord"])
    atype = np.tile(data["atype"], (nframes, 1))
    return {"atom_types": atype, "atomic": True, "fparam": data.get("fparam"), "aparam": data.get("aparam")}
