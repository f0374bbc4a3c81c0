# SPDX-License-Identifier: LGPL-3.0-or-later
"""The self-test in a model file."""

from __future__ import annotations

import numpy as np
import pytest
from document_backends import DocumentEval, make_document

from deepmd.contract import write_document
from deepmd.contract.self_test import describe, make_self_test, tolerance_of, verify
from deepmd.errors import ModelFileError


def load(folder, document):
    write_document(folder / "model.dp", document)
    return DocumentEval(folder / "model.dp")


@pytest.fixture
def document():
    return make_document(rcut=4.0)


@pytest.fixture
def model(tmp_path, document):
    return load(tmp_path, document)


def test_frame_is_a_sensible_piece_of_matter(model):
    frame = make_self_test(model)["@variables"]
    assert frame["coord"].shape == (1, 8, 3)
    assert set(np.bincount(frame["atype"][0])) == {4}
    box = frame["box"][0]
    assert np.linalg.det(box) == pytest.approx(8 * 2.0**3)
    assert np.count_nonzero(box - np.diag(np.diag(box))) == 3
    _, _, vector = model._pairs(frame["coord"][0], box, frame["atype"][0])
    distances = np.linalg.norm(vector, axis=1)
    assert distances.min() > 1.0
    assert 20 < len(distances) / 8 < 50
    assert np.abs(frame["force"]).max() > 0.01


def test_same_model_passes(model, document):
    document = document | {"self_test": make_self_test(model)}
    differences = verify(model, document)
    assert differences == {"energy": 0.0, "force": 0.0, "virial": 0.0}
    assert describe(differences) == "energy 0.0e+00 eV, force 0.0e+00 eV/Å, virial 0.0e+00 eV"


def test_another_model_fails(tmp_path, model, document):
    document = document | {"self_test": make_self_test(model)}
    other = load(tmp_path, make_document(depth=0.7 * (1 + 1e-7), rcut=4.0))
    with pytest.raises(ModelFileError, match=r"self-test fails: energy differs by .* where .* is allowed"):
        verify(other, document)


def test_rounding_passes(tmp_path, model, document):
    document = document | {"self_test": make_self_test(model)}
    other = load(tmp_path, make_document(depth=0.7 * (1 + 1e-12), rcut=4.0))
    assert 0 < verify(other, document)["force"] < 1e-10


def test_nan_fails(model, document):
    self_test = make_self_test(model)
    self_test["@variables"]["virial"] = np.full((1, 9), np.nan)
    with pytest.raises(ModelFileError, match="virial differs by nan"):
        verify(model, document | {"self_test": self_test})


def test_file_without_self_test(model, document):
    with pytest.raises(ModelFileError, match="has no self-test"):
        verify(model, document)


def test_damaged_self_test(model, document):
    self_test = make_self_test(model)
    del self_test["@variables"]["force"]
    with pytest.raises(ModelFileError, match="self_test: array `force` is missing"):
        verify(model, document | {"self_test": self_test})


def test_newer_self_test(model, document):
    self_test = make_self_test(model) | {"@version": 2}
    with pytest.raises(ModelFileError, match="SelfTest has version 2, written by a newer version"):
        verify(model, document | {"self_test": self_test})


def test_parameters_take_part(tmp_path):
    document = make_document(dim_fparam=1, dim_aparam=2)
    model = load(tmp_path, document)
    self_test = make_self_test(model)
    assert self_test["@variables"]["fparam"].shape == (1, 1)
    assert self_test["@variables"]["aparam"].shape == (1, 8, 2)
    verify(model, document | {"self_test": self_test})
    self_test["@variables"]["fparam"] = np.array([[0.6]])
    with pytest.raises(ModelFileError, match="energy differs"):
        verify(model, document | {"self_test": self_test})


def test_many_types(tmp_path):
    names = [f"X{i}" for i in range(7)]
    frame = make_self_test(load(tmp_path, make_document(type_map=names)))["@variables"]
    assert set(np.bincount(frame["atype"][0])) == {2}


@pytest.mark.parametrize(
    ("precisions", "tolerance"),
    [((), 1e-9), (("float64", "default"), 1e-9), (("float64", "float32"), 1e-4), (("bfloat16", "float32"), 5e-2)],
)
def test_tolerance_is_that_of_the_coarsest_part(precisions, tolerance):
    assert tolerance_of({"layers": [{"precision": precision} for precision in precisions]}) == tolerance


def test_self_test_survives_a_file(tmp_path, model, document):
    from deepmd.contract import read_document

    write_document(tmp_path / "copy.yaml", document | {"self_test": make_self_test(model)})
    assert verify(model, read_document(tmp_path / "copy.yaml"))["energy"] == 0.0
