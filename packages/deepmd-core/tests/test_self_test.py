# SPDX-License-Identifier: LGPL-3.0-or-later
"""The self-test in a model file."""

from __future__ import annotations

import numpy as np
import pytest
from document_backends import DocumentEval, make_document

from deepmd.contract import write_document
from deepmd.contract.self_test import Difference, describe, make_self_test, tolerance_of, verify
from deepmd.contract.self_test_frames import SPACING
from deepmd.errors import ModelFileError
from deepmd.infer.deep_eval import DeepEvalBackend
from deepmd.outputs import OutputDef


def load(folder, document):
    write_document(folder / "model.dp", document)
    return DocumentEval(folder / "model.dp")


@pytest.fixture
def document():
    return make_document(rcut=4.0)


@pytest.fixture
def model(tmp_path, document):
    return load(tmp_path, document)


def inputs_of(self_test, frame="periodic"):
    return self_test["frames"][frame]["input"]["@variables"]


def results_of(self_test, frame="periodic"):
    return self_test["frames"][frame]["results"]["@variables"]


def as_version_1(self_test):
    """The self-test that earlier versions wrote."""
    results = {key: results_of(self_test)[key] for key in ("energy", "force", "virial")}
    return {"@class": "SelfTest", "@version": 1, "@variables": inputs_of(self_test) | results}


def test_frame_is_a_sensible_piece_of_matter(model, monkeypatch):
    self_test = make_self_test(model)
    frame = inputs_of(self_test)
    assert frame["coord"].shape == (1, 8, 3)
    assert set(np.bincount(frame["atype"][0])) == {4}
    box = frame["box"][0]
    assert np.linalg.det(box) == pytest.approx(8 * (4.0 * SPACING) ** 3)
    assert np.count_nonzero(box - np.diag(np.diag(box))) == 3
    _, _, vector = model._pairs(frame["coord"][0], box, frame["atype"][0])
    distances = np.linalg.norm(vector, axis=1)
    assert distances.min() > 1.0
    assert 20 < len(distances) / 8 < 50
    # within a cut-off a little larger or smaller there are the same: rounding makes none come or go
    for rcut in (4.0 - 1e-6, 4.0 + 1e-6):
        monkeypatch.setattr(type(model), "get_rcut", lambda self, rcut=rcut: rcut)
        assert len(model._pairs(frame["coord"][0], box, frame["atype"][0])[0]) == len(distances)
    assert np.abs(results_of(self_test)["force"]).max() > 0.01


def test_frame_with_ghosts_is_the_periodic_one(model):
    """Local atoms have the same energies, and the forces on all images of an atom add up to those on it."""
    self_test = make_self_test(model)
    inputs, ghosts, periodic = (
        f(self_test, n) for f, n in ((inputs_of, "ghosts"), (results_of, "ghosts"), (results_of, "periodic"))
    )
    nall, nloc = inputs["coord"].shape[1], int(inputs["nloc"])
    assert nloc == 8
    assert nall > 50
    for name in ("energy", "atom_energy", "virial"):
        np.testing.assert_allclose(ghosts[name], periodic[name], rtol=1e-12)
    force = np.zeros((nloc, 3))
    np.add.at(force, inputs["mapping"][0], ghosts["force"][0])
    np.testing.assert_allclose(force, periodic["force"][0], atol=1e-13)
    assert np.abs(ghosts["force"][0, nloc:]).max() > 0.01


def test_ghosts_are_all_atoms_in_reach_and_no_others(model):
    inputs = inputs_of(make_self_test(model), "ghosts")
    coord, nloc = inputs["coord"][0], int(inputs["nloc"])
    distance = np.linalg.norm(coord[nloc:, None] - coord[:nloc], axis=-1).min(axis=1)
    assert 3.6 < distance.max() <= 4.0
    np.testing.assert_array_equal(inputs["atype"][0], inputs["atype"][0][inputs["mapping"][0]])
    np.testing.assert_array_equal(inputs["mapping"][0, :nloc], np.arange(nloc))


def test_isolated_atoms_have_no_forces(model):
    self_test = make_self_test(model)
    assert "box" not in inputs_of(self_test, "isolated")
    assert inputs_of(self_test, "isolated")["atype"].tolist() == [[0, 1]]
    assert not results_of(self_test, "isolated")["force"].any()


def test_a_backend_without_ghosts_passes_over_them(model, document, monkeypatch):
    self_test = make_self_test(model)
    monkeypatch.setattr(DocumentEval, "eval_with_ghosts", DeepEvalBackend.eval_with_ghosts)
    assert verify(model, document | {"self_test": self_test})["energy"].value == 0.0
    assert set(make_self_test(model)["frames"]) == {"periodic", "isolated"}


@pytest.mark.parametrize("frame", ["periodic", "ghosts", "isolated"])
def test_each_frame_is_looked_at(model, document, frame):
    self_test = make_self_test(model)
    results_of(self_test, frame)["atom_energy"][0, 1] += 1e-6
    with pytest.raises(ModelFileError, match=rf"atom_energy differs by 1e-06 .*\(frame {frame}\)"):
        verify(model, document | {"self_test": self_test})


def test_any_outputs(model, document, monkeypatch):
    """A vector of which each component has a force and a virial."""
    dipole = OutputDef("dipole", (3,), "eÅ", has_derivative=True)

    def terms(natoms, nloc):
        rng = np.random.default_rng(natoms)
        shapes = {"nframes": 1, "nall": natoms, "nloc": nloc}
        return {term.name: rng.normal(size=[shapes.get(axis, axis) for axis in term.axes]) for term in dipole.terms()}

    monkeypatch.setattr(DocumentEval, "outputs", (dipole,))
    monkeypatch.setattr(DocumentEval, "eval", lambda self, c, *_, **__: terms(c.shape[1], c.shape[1]))
    monkeypatch.setattr(DocumentEval, "eval_with_ghosts", lambda self, c, t, m, nloc, **_: terms(c.shape[1], nloc))
    self_test = make_self_test(model)
    assert list(results_of(self_test)) == ["dipole", "dipole_force", "dipole_virial", "atom_dipole"]
    assert results_of(self_test)["dipole_force"].shape == (1, 3, 8, 3)
    differences = verify(model, document | {"self_test": self_test})
    assert describe(differences) == (
        "dipole 0.0e+00 eÅ, dipole_force 0.0e+00 eÅ/Å, dipole_virial 0.0e+00 eÅ, atom_dipole 0.0e+00 eÅ"
    )


def test_self_test_of_a_model_with_other_outputs(model, document, monkeypatch):
    self_test = make_self_test(model)
    monkeypatch.setattr(DocumentEval, "outputs", (OutputDef("dipole", (3,)),))
    with pytest.raises(ModelFileError, match=r"it has atom_energy, energy, .* where the model gives dipole"):
        verify(model, document | {"self_test": self_test})


def test_version_1_is_read(tmp_path, model, document):
    document = document | {"self_test": as_version_1(make_self_test(model))}
    assert set(verify(model, document)) == {"energy", "force", "virial"}
    other = load(tmp_path, make_document(depth=0.7 * (1 + 1e-7), rcut=4.0))
    with pytest.raises(ModelFileError, match="self-test fails: energy differs"):
        verify(other, document)


def test_same_model_passes(model, document):
    document = document | {"self_test": make_self_test(model)}
    differences = verify(model, document)
    assert differences["force"] == Difference(0.0, "eV/Å")
    assert describe(differences) == ("energy 0.0e+00 eV, force 0.0e+00 eV/Å, virial 0.0e+00 eV, atom_energy 0.0e+00 eV")


def test_another_model_fails(tmp_path, model, document):
    document = document | {"self_test": make_self_test(model)}
    other = load(tmp_path, make_document(depth=0.7 * (1 + 1e-7), rcut=4.0))
    with pytest.raises(ModelFileError, match=r"self-test fails: energy differs by .* where .* is allowed"):
        verify(other, document)


def test_rounding_passes(tmp_path, model, document):
    document = document | {"self_test": make_self_test(model)}
    other = load(tmp_path, make_document(depth=0.7 * (1 + 1e-12), rcut=4.0))
    assert 0 < verify(other, document)["force"].value < 1e-10


def test_nan_fails(model, document):
    self_test = make_self_test(model)
    results_of(self_test)["virial"] = np.full((1, 9), np.nan)
    with pytest.raises(ModelFileError, match="virial differs by nan"):
        verify(model, document | {"self_test": self_test})


def test_file_without_self_test(model, document):
    with pytest.raises(ModelFileError, match="has no self-test"):
        verify(model, document)


def test_damaged_self_test(model, document):
    self_test = make_self_test(model)
    del results_of(self_test)["force"]
    with pytest.raises(ModelFileError, match="frame periodic: it has atom_energy, energy, virial where"):
        verify(model, document | {"self_test": self_test})
    del inputs_of(self_test)["coord"]
    with pytest.raises(ModelFileError, match="frame periodic: array `coord` is missing"):
        verify(model, document | {"self_test": self_test})


def test_newer_self_test(model, document):
    self_test = make_self_test(model) | {"@version": 3}
    with pytest.raises(ModelFileError, match="SelfTest has version 3, written by a newer version"):
        verify(model, document | {"self_test": self_test})


def test_parameters_take_part(tmp_path):
    document = make_document(dim_fparam=1, dim_aparam=2)
    model = load(tmp_path, document)
    self_test = make_self_test(model)
    assert inputs_of(self_test)["fparam"].shape == (1, 1)
    assert inputs_of(self_test)["aparam"].shape == (1, 8, 2)
    verify(model, document | {"self_test": self_test})
    inputs_of(self_test)["fparam"] = np.array([[0.6]])
    with pytest.raises(ModelFileError, match="energy differs"):
        verify(model, document | {"self_test": self_test})


def test_many_types(tmp_path):
    names = [f"X{i}" for i in range(7)]
    frame = inputs_of(make_self_test(load(tmp_path, make_document(type_map=names))))
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
    assert verify(model, read_document(tmp_path / "copy.yaml"))["energy"].value == 0.0
