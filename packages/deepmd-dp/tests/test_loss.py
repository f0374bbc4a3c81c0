# SPDX-License-Identifier: LGPL-3.0-or-later
"""The loss `ener`: every option against deepmd-kit's figures (see data/loss/make.py)."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import array_api_strict
import autograd
import numpy as np
import pytest

from deepmd.data.batch import DataRequirement
from deepmd.errors import InputError
from deepmd.outputs import ENERGY
from deepmd_dp.loss import new_loss

DATA = Path(__file__).parent / "data" / "loss"
DEEPMD_KIT = json.loads((DATA / "ener.json").read_text())
OFF = {f"{end}_pref_{term}": 0.0 for end in ("start", "limit") for term in ("e", "f", "v", "ae", "pf", "gf", "h")}
DEFAULTS = OFF | {
    "type": "ener",
    "enable_atom_ener_coeff": False,
    "numb_generalized_coord": 0,
    "use_huber": False,
    "huber_delta": 0.01,
    "loss_func": "mse",
    "f_use_norm": False,
    "use_default_pf": False,
    "intensive_ener_virial": False,
}


def make_loss(**section):
    return new_loss(DEFAULTS | section, DEEPMD_KIT["start_lr"], (ENERGY,))


def read_arrays(convert=np.asarray):
    with np.load(DATA / "ener.npz") as file:
        arrays = {key: convert(file[key]) for key in file}
    split = {"prediction": {}, "label": {}}
    for key, array in arrays.items():
        kind, name = key.split("_", 1)
        split[kind][name] = array
    return split["prediction"], split["label"]


@pytest.mark.parametrize("xp", [np, array_api_strict], ids=["numpy", "strict"])
@pytest.mark.parametrize("name", DEEPMD_KIT["cases"])
def test_equals_deepmd_kit(name, xp):
    case = DEEPMD_KIT["cases"][name]
    prediction, label = read_arrays(xp.asarray)
    found = {key: key not in case["missing"] for key in label}
    loss, metrics = make_loss(**case["section"])(prediction, label, found, case["lr"])
    assert loss.shape == ()
    assert float(loss) == pytest.approx(case["loss"], rel=1e-13)
    assert list(metrics) == list(case["metrics"])
    for key, expected in case["metrics"].items():
        assert metrics[key].shape == ()
        assert float(metrics[key]) == pytest.approx(expected, rel=1e-13, nan_ok=True), key


@pytest.mark.parametrize("name", DEEPMD_KIT["cases"])
def test_requirements_equal_deepmd_kit(name):
    case = DEEPMD_KIT["cases"][name]
    expected = [DataRequirement(*fields) for fields in case["requirements"]]
    assert make_loss(**case["section"]).requirements == expected


def test_missing_labels_give_nan_and_count_nothing():
    missing = DEEPMD_KIT["cases"]["not_found"]["metrics"]
    assert [key for key, value in missing.items() if np.isnan(value)] == ["rmse_ae", "rmse_gf", "rmse_pf", "rmse_v"]


def test_needs_only_what_its_terms_look_at():
    energy_only = make_loss(start_pref_e=1.0, limit_pref_e=1.0)
    assert energy_only.needs == {"energy"}
    assert make_loss(start_pref_gf=1.0, limit_pref_gf=1.0, numb_generalized_coord=1).needs == {"force"}
    assert make_loss(start_pref_v=1.0, limit_pref_v=1.0).needs == {"virial"}
    coefficients = {"start_pref_e": 1.0, "limit_pref_e": 1.0, "enable_atom_ener_coeff": True}
    assert make_loss(**coefficients).needs == {"atom_energy"}
    prediction, label = read_arrays()
    del prediction["force"], prediction["virial"]
    loss, metrics = energy_only(prediction, label, {"energy": True}, 1e-3)
    assert np.isfinite(loss) and list(metrics) == ["rmse_e"]


@pytest.mark.parametrize("section", [{}, {"use_huber": True}, {"use_huber": True, "f_use_norm": True}])
def test_gradient_by_torch_is_finite_where_a_prediction_is_exact(section):
    torch = pytest.importorskip("torch")
    prediction, label = read_arrays(torch.asarray)
    prediction["force"] = label["force"].clone().requires_grad_()
    on = {"start_pref_f": 1.0, "limit_pref_f": 1.0}
    for options in (section, section | {"loss_func": "mae"}):
        loss, _ = make_loss(**on, **options)(prediction, label, {"force": True}, 1e-3)
        (gradient,) = torch.autograd.grad(loss, prediction["force"])
        assert torch.all(gradient == 0.0)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"type": "dens"}, "loss 'dens': deepmd-kit has it"),
        ({"start_pref_h": 1.0, "use_huber": True}, "use_huber does not go with start_pref_h"),
        ({"loss_func": "mape"}, "loss_func is 'mape'"),
        ({"start_pref_gf": 1.0, "limit_pref_gf": 1.0}, "numb_generalized_coord is 0"),
        ({"f_use_norm": True}, "f_use_norm needs use_huber"),
        ({"huber_delta": [0.1, 0.2]}, "huber_delta has 2 values"),
        ({"use_huber": True, "relative_f": 1.0}, "use_huber does not go with relative_f"),
        ({"use_huber": True, "start_pref_pf": 1.0, "limit_pref_pf": 1.0}, "use_huber does not go with"),
    ],
)
def test_contradictions_are_input_errors(section, message):
    with pytest.raises(InputError, match=message):
        make_loss(**section)


def test_a_batch_without_any_label_has_a_gradient_of_zeros():
    """A framework asks for one, whatever the batch."""
    prediction, label = read_arrays()
    found = dict.fromkeys(label, False)
    loss = make_loss(start_pref_e=1.0, limit_pref_e=1.0)
    others = {key: array for key, array in prediction.items() if key != "energy"}

    def of_energy(energy):
        return loss({"energy": energy} | others, label, found, DEEPMD_KIT["start_lr"])[0]

    assert float(of_energy(prediction["energy"])) == 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # autograd warns where the result does not depend on the argument
        slope = autograd.grad(of_energy)(prediction["energy"])
    assert np.array_equal(slope, np.zeros_like(prediction["energy"]))
