# SPDX-License-Identifier: LGPL-3.0-or-later
"""Second derivatives of energies, and the loss with them, against deepmd-kit's (see data/hessian/make.py)."""

from __future__ import annotations

from pathlib import Path

import array_api_strict
import numpy as np
import pytest
from conftest import load_case

from deepmd.data import DataRequirement, System
from deepmd.errors import DataError, InputError
from deepmd.infer import DeepPot
from deepmd.outputs import ENERGY
from deepmd_dp.conformance.cases import CASES
from deepmd_dp.conformance.documents import full_input
from deepmd_dp.loss import new_loss

NUMBERS = dict(np.load(Path(__file__).parent / "data" / "hessian" / "numbers.npz"))
COORD, ATYPE = NUMBERS["coord"], NUMBERS["atype"]
NATOMS = len(ATYPE)
WEIGHTS = {f"{end}_pref_{term}": 0.0 for end in ("start", "limit") for term in ("e", "f", "v")}
SECTION = WEIGHTS | {"start_pref_h": 2.0, "limit_pref_h": 0.5}


@pytest.mark.parametrize("name", ["sea", "atten_l2", "dpa2_three_body"])
def test_equals_deepmd_kit(name):
    found = DeepPot(load_case(name).path).eval_hessian(COORD, None, ATYPE)
    expected = NUMBERS[name]
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-10 * np.abs(expected).max())


def test_it_is_the_slope_of_the_forces_in_a_cell():
    case, step = load_case("sea"), 1e-5
    dp = DeepPot(case.path)
    hessian = dp.eval_hessian(case.coord[1:2], case.box[1:2], case.atype[0])[0]
    moved = np.repeat(case.coord[1:2], 2, axis=0)
    moved[:, 3, 1] += [step, -step]
    _, force, _ = dp.eval(moved, np.repeat(case.box[1:2], 2, axis=0), case.atype[0])
    slope = -(force[0] - force[1]).ravel() / (2 * step)
    np.testing.assert_allclose(hessian[3 * 3 + 1], slope, atol=1e-8)
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-12)


def test_eval_gives_it_where_it_is_asked_for():
    dp = DeepPot(load_case("sea").path)
    assert len(dp.eval(COORD, None, ATYPE)) == 3
    *_, hessian = dp.eval(COORD, None, ATYPE, atomic=True, hessian=True)
    np.testing.assert_array_equal(hessian, dp.eval_hessian(COORD, None, ATYPE))


@pytest.mark.parametrize("xp", [np, array_api_strict], ids=["numpy", "strict"])
@pytest.mark.parametrize("kind", ["mse", "mae"])
def test_loss(kind, xp):
    loss = new_loss(full_input(CASES[0], loss=SECTION | {"loss_func": kind})["loss"], 1e-3, (ENERGY,))
    assert loss.needs == {"hessian"}
    assert loss.requirements == [DataRequirement("hessian", 9, atomic=True, of_pairs=True)]
    assert loss.label_sets == (("hessian",),)
    prediction = {
        "hessian": xp.asarray(NUMBERS["sea"]),
        "mask": xp.asarray(NUMBERS["mask"][:, :, None].astype(float)),
    }
    # a row of atoms that a framework has padded the label with does not count
    label = np.concatenate([NUMBERS["label"].reshape(2, NATOMS, -1), np.ones((2, 1, 9 * NATOMS))], axis=1)
    value, metrics = loss(prediction, {"hessian": xp.asarray(label)}, {"hessian": True}, 4e-4)
    expected = NUMBERS[f"loss_{kind}"]
    assert float(value) == pytest.approx(expected[0], rel=1e-12)
    assert float(metrics["rmse_h"]) == pytest.approx(expected[1], rel=1e-12)


def test_huber_and_hessians_are_refused():
    with pytest.raises(InputError, match="use_huber does not go with start_pref_h"):
        full_input(CASES[0], loss=SECTION | {"use_huber": True})


def write_system(folder, natoms=NATOMS, width=None):
    (folder / "set.000").mkdir(parents=True)
    np.savetxt(folder / "type.raw", ATYPE[:natoms], fmt="%d")
    (folder / "type_map.raw").write_text("O\nH\n")
    (folder / "nopbc").touch()
    np.save(folder / "set.000" / "coord.npy", COORD[:, :natoms].reshape(2, -1))
    size = 9 * natoms * natoms if width is None else width
    np.save(folder / "set.000" / "hessian.npy", np.arange(2.0 * size).reshape(2, size))
    return str(folder)


def test_data_have_a_row_for_each_atom(tmp_path):
    wanted = [DataRequirement("hessian", 9, atomic=True, of_pairs=True)]
    batch = System(write_system(tmp_path / "a"), ["O", "H"], wanted).read([1])
    assert batch.labels["hessian"].shape == (1, NATOMS, 9 * NATOMS)
    np.testing.assert_array_equal(batch.labels["hessian"].ravel(), np.arange(144.0, 288.0))
    with pytest.raises(DataError, match=r"expected \(2, 144\): 36 for each of 4 atoms"):
        System(write_system(tmp_path / "b", width=12), ["O", "H"], wanted)
