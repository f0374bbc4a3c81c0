# SPDX-License-Identifier: LGPL-3.0-or-later
"""`DeepDipole`: shapes, derivatives, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from bonds import install
from morse import make_frames, write_model

from deepmd.errors import InputError
from deepmd.infer import DeepDipole, DeepEval, DeepPot, DeepTensor
from deepmd.outputs import OutputDef

COORD, CELL, ATYPE = make_frames()
NATOMS = len(ATYPE)


@pytest.fixture
def file(monkeypatch, tmp_path):
    install(monkeypatch)
    return write_model(tmp_path / "water.bonds", selected=[0])


@pytest.fixture
def dp(file):
    return DeepDipole(file)


def test_dipoles_of_atoms_and_of_frames(dp):
    """As in deepmd-kit 3, atoms that are not selected are there with zeros."""
    atomic, total = dp.eval(COORD, CELL, ATYPE), dp.eval(COORD, CELL, ATYPE, atomic=False)
    assert (atomic.shape, total.shape) == ((3, NATOMS, 3), (3, 3))
    np.testing.assert_allclose(atomic.sum(axis=1), total)
    assert not atomic[:, ATYPE == 1].any()
    assert atomic[:, ATYPE == 0].all()
    assert dp.get_sel_type() == [0]


def test_eval_full(dp):
    total, force, virial = dp.eval_full(COORD, CELL, ATYPE)
    assert (total.shape, force.shape, virial.shape) == ((3, 3), (3, 3, NATOMS, 3), (3, 3, 9))
    *same, atomic, atom_virial = dp.eval_full(COORD, CELL, ATYPE, atomic=True)
    for one, other in zip((total, force, virial), same, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (atomic.shape, atom_virial.shape) == ((3, NATOMS, 3), (3, 3, NATOMS, 9))
    np.testing.assert_array_equal(atomic, dp.eval(COORD, CELL, ATYPE))
    np.testing.assert_allclose(atom_virial.sum(axis=2), virial)


def test_forces_are_minus_the_derivative_of_each_component(dp):
    step, atom, axis = 1e-5, 4, 1
    moved = np.zeros_like(COORD)
    moved[:, atom, axis] = step
    plus, minus = (dp.eval(COORD + sign * moved, CELL, ATYPE, atomic=False) for sign in (1, -1))
    force = dp.eval_full(COORD, CELL, ATYPE)[1]
    np.testing.assert_allclose(force[:, :, atom, axis], (minus - plus) / (2 * step), atol=1e-8)


def test_virials_are_minus_the_derivative_by_the_strain(dp):
    """Where x becomes (1 + strain) x."""
    strain = np.zeros((3, 3))
    strain[2, 0] = 1e-5
    plus, minus = (
        dp.eval(COORD @ (np.eye(3) + sign * strain).T, CELL @ (np.eye(3) + sign * strain).T, ATYPE, atomic=False)
        for sign in (1, -1)
    )
    np.testing.assert_allclose(dp.eval_full(COORD, CELL, ATYPE)[2][:, :, 6], (minus - plus) / 2e-5, atol=1e-7)


def test_forces_are_not_asked_for_in_vain(dp, monkeypatch):
    asked = []
    plain = type(dp.backend).eval

    def spy(self, *args, **kwargs):
        asked.append(kwargs["derivatives"])
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(type(dp.backend), "eval", spy)
    dp.eval(COORD, CELL, ATYPE)
    dp.eval_full(COORD, CELL, ATYPE)
    assert asked == [False, True]


def test_many_frames_in_parts(file):
    coord, cell, atype = make_frames(nframes=7)
    parts, whole = (
        DeepDipole(file, auto_batch_size=size).eval_full(coord, cell, atype) for size in (2 * NATOMS, False)
    )
    for one, other in zip(parts, whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_class_fits_the_model(file, tmp_path):
    assert type(DeepEval(file)) is type(DeepTensor(file)) is DeepDipole
    assert DeepDipole(file).output_tensor_name == "dipole"
    with pytest.raises(InputError, match=r"water.bonds is a model of 'dipole', not of 'energy': open it by DeepDipole"):
        DeepPot(file)
    potential = write_model(tmp_path / "water.morse")
    for wrong in (DeepDipole, DeepTensor):
        with pytest.raises(InputError, match=r"is a model of 'energy'.*: open it by DeepPot"):
            wrong(potential)


def test_an_output_without_a_class_is_evaluated_all_the_same(file, monkeypatch):
    """A third party's fitting needs no class of its own here."""
    monkeypatch.setattr("bonds.BondEval.outputs", (OutputDef("magnet", (3,)),))
    monkeypatch.setattr("bonds.BondEval.eval", lambda self, coords, *_, **__: {"magnet": np.ones((len(coords), 3))})
    model = DeepEval(file)
    assert {key: array.shape for key, array in model.eval_terms(COORD, CELL, ATYPE).items()} == {"magnet": (3, 3)}
    with pytest.raises(InputError, match="is a model of 'magnet', not of 'dipole': open it by DeepEval"):
        DeepDipole(file)


def test_without_derivatives(tmp_path, file):
    dp = DeepDipole(write_model(tmp_path / "plain.bonds", has_derivative=False))
    with pytest.raises(InputError, match=r"plain.bonds: dipole has no derivatives; use `eval`"):
        dp.eval_full(COORD, CELL, ATYPE)


def test_bad_input_is_refused(dp):
    with pytest.raises(InputError, match="coords holds"):
        dp.eval(COORD[:, 1:], CELL, ATYPE)
    with pytest.raises(InputError, match="does not take efield"):
        dp.eval(COORD, CELL, ATYPE, efield=1.0)
