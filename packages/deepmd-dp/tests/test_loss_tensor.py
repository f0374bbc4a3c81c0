# SPDX-License-Identifier: LGPL-3.0-or-later
"""The loss `tensor`: every option against deepmd-kit's numbers (see data/loss/make_tensor.py)."""

from __future__ import annotations

import json
from pathlib import Path

import array_api_strict
import numpy as np
import pytest

from deepmd.data.batch import DataRequirement
from deepmd.errors import InputError
from deepmd.outputs import ENERGY, OutputDef
from deepmd_dp.loss import new_loss

DATA = Path(__file__).parent / "data" / "loss"
DEEPMD_KIT = json.loads((DATA / "tensor.json").read_text())
DIPOLE = OutputDef("dipole", (3,), "eÅ", has_derivative=True, has_bias=False)
OF_OXYGEN = OutputDef("dipole", (3,), "eÅ", selected_types=(0,), has_bias=False)


def make_loss(outputs=(DIPOLE,), **section):
    return new_loss({"type": "tensor", "enable_atomic_weight": False} | section, 1e-3, outputs)


def read_arrays(convert=np.asarray):
    with np.load(DATA / "tensor.npz") as file:
        arrays = {key.split("_", 1)[1]: convert(file[key]) for key in file if key.startswith("prediction_")}
        labels = {key.split("_", 1)[1]: convert(file[key]) for key in file if key.startswith("label_")}
    return arrays, labels


@pytest.mark.parametrize("xp", [np, array_api_strict], ids=["numpy", "strict"])
@pytest.mark.parametrize("name", DEEPMD_KIT["cases"])
def test_equals_deepmd_kit(name, xp):
    case = DEEPMD_KIT["cases"][name]
    prediction, label = read_arrays(xp.asarray)
    found = {key: key not in case["missing"] for key in label}
    loss, metrics = make_loss(**case["section"])(prediction, label, found, 1e-3)
    assert loss.shape == ()
    assert float(loss) == pytest.approx(case["loss"], rel=1e-13)
    assert list(metrics) == list(case["metrics"])
    for key, expected in case["metrics"].items():
        # deepmd-kit counts the atoms in float32
        tolerance = 1e-7 if "global" in key else 1e-13
        assert float(metrics[key]) == pytest.approx(expected, rel=tolerance, nan_ok=True), key


@pytest.mark.parametrize("name", DEEPMD_KIT["cases"])
def test_requirements_equal_deepmd_kit(name):
    """`atom_x` is another name for a file `atomic_x`."""
    case = DEEPMD_KIT["cases"][name]
    expected = [DataRequirement(key.replace("atomic_", "atom_"), *rest) for key, *rest in case["requirements"]]
    assert make_loss(**case["section"]).requirements == expected


def test_labels_of_selected_atoms():
    local, whole = make_loss((OF_OXYGEN,), pref=1.0, pref_atomic=1.0).requirements
    assert local.selected_types == (0,)
    assert whole.selected_types is None


@pytest.mark.parametrize(
    ("section", "needs"),
    [
        ({"pref": 1.0, "pref_atomic": 0.0}, {"dipole"}),
        ({"pref": 0.0, "pref_atomic": 1.0}, {"atom_dipole"}),
        ({"pref": 1.0, "pref_atomic": 1.0}, {"dipole", "atom_dipole"}),
    ],
)
def test_looks_at_no_derivative(section, needs):
    loss = make_loss(**section)
    assert loss.needs == needs
    prediction, label = read_arrays()
    only = {key: prediction[key] for key in (*needs, "mask")}
    value, _ = loss(only, label, dict.fromkeys(label, True), 1e-3)
    assert np.isfinite(value)


def test_gradient_by_torch_is_finite_where_a_prediction_is_exact():
    torch = pytest.importorskip("torch")
    prediction, label = read_arrays(torch.asarray)
    prediction["atom_dipole"] = label["atom_dipole"].clone().requires_grad_()
    loss, _ = make_loss(pref=0.0, pref_atomic=1.0)(prediction, label, {"atom_dipole": True}, 1e-3)
    (gradient,) = torch.autograd.grad(loss, prediction["atom_dipole"])
    assert torch.all(gradient == 0.0)


def test_no_atom_has_the_output():
    prediction, label = read_arrays()
    prediction["mask"] = np.zeros_like(prediction["mask"])
    loss, metrics = make_loss(pref=1.0, pref_atomic=1.0)(prediction, label, dict.fromkeys(label, True), 1e-3)
    assert np.isfinite([float(loss), *map(float, metrics.values())]).all()


@pytest.mark.parametrize(
    ("outputs", "section", "message"),
    [
        ((ENERGY,), {"pref": 1.0, "pref_atomic": 0.0}, "'tensor', but the model gives the scalar energy"),
        ((DIPOLE,), {"pref": 0.0, "pref_atomic": 0.0}, "one must be above 0"),
        ((DIPOLE,), {"pref": -1.0, "pref_atomic": 1.0}, "loss/pref is -1"),
        ((DIPOLE,), {"type": "ener"}, "'ener', but the model gives dipole; take 'tensor'"),
    ],
)
def test_contradictions_are_input_errors(outputs, section, message):
    with pytest.raises(InputError, match=message):
        make_loss(outputs, **section)
