# SPDX-License-Identifier: LGPL-3.0-or-later
"""The losses `dos`, `property` and `population` against deepmd-kit's numbers (see data/loss/make_frame_losses.py)."""

from __future__ import annotations

import json
from pathlib import Path

import array_api_strict
import numpy as np
import pytest

from deepmd.errors import InputError
from deepmd.outputs import ENERGY, OutputDef
from deepmd_dp.loss import new_loss

DATA = Path(__file__).parent / "data" / "loss"
DEEPMD_KIT = json.loads((DATA / "frame_losses.json").read_text())["cases"]
LR, START_LR = 4e-4, 1e-3
DOS = OutputDef("dos", (5,), "1/eV")
EXTENSIVE = OutputDef("dos", (5,), kind="property")
INTENSIVE = OutputDef("dos", (5,), kind="property", reduction="mean")
"""Two losses are asked for the same numbers."""
POPULATION = OutputDef("population", (2,), "e", reduction=None, has_bias=False)


def output_of(kind, name=""):
    if kind != "property":
        return {"dos": DOS, "population": POPULATION}[kind]
    return INTENSIVE if "intensive" in name else EXTENSIVE


def read_arrays(convert=np.asarray):
    with np.load(DATA / "frame_losses.npz") as file:
        arrays = {key.split("_", 1)[1]: convert(file[key]) for key in file if key.startswith("prediction_")}
        labels = {key.split("_", 1)[1]: convert(file[key]) for key in file if key.startswith("label_")}
    return arrays, labels


@pytest.mark.parametrize("xp", [np, array_api_strict], ids=["numpy", "strict"])
@pytest.mark.parametrize("name", DEEPMD_KIT)
def test_equals_deepmd_kit(name, xp):
    case = DEEPMD_KIT[name]
    prediction, label = read_arrays(xp.asarray)
    found = {key: key not in case["missing"] for key in label}
    loss = new_loss({"type": case["type"], **case["section"]}, START_LR, (output_of(case["type"], name),))
    value, metrics = loss(prediction, label, found, LR)
    assert value.shape == ()
    # deepmd-kit counts the atoms of densities and populations in float32
    rough = case["type"] == "population"
    assert float(value) == pytest.approx(case["loss"], rel=1e-7 if rough else 1e-12)
    assert set(metrics) == set(case["metrics"])
    for key, expected in case["metrics"].items():
        tolerance = 1e-7 if "global" in key or rough else 1e-12
        assert float(metrics[key]) == pytest.approx(expected, rel=tolerance, nan_ok=True), key


@pytest.mark.parametrize("kind", ["dos", "property"])
def test_only_what_is_needed_is_read(kind):
    name = "frames" if kind == "dos" else "mae"
    loss = new_loss({"type": kind, **DEEPMD_KIT[name]["section"]}, START_LR, (output_of(kind),))
    assert loss.needs == {"dos", *(["deviation"] if kind == "property" else [])}
    assert [each.key for each in loss.requirements] == ["dos"]
    assert {label for labels in loss.label_sets for label in labels} == {"dos"}


@pytest.mark.parametrize("kind", ["smooth_mae", "mae", "mse"])
def test_gradient_by_torch_is_finite_where_a_prediction_is_exact_and_all_labels_are_the_same(kind):
    torch = pytest.importorskip("torch")
    prediction, label = read_arrays(torch.asarray)
    prediction["dos"] = label["dos"].clone().requires_grad_()
    prediction["deviation"] = 0.0 * prediction["deviation"]
    section = {"type": "property", "loss_func": kind, "metric": ["mae"], "beta": 1.0}
    value, _ = new_loss(section, START_LR, (EXTENSIVE,))(prediction, label, {"dos": True}, LR)
    (gradient,) = torch.autograd.grad(value, prediction["dos"])
    assert torch.all(gradient == 0.0)


@pytest.mark.parametrize(("kind", "key"), [("property", "dos"), ("population", "atom_population")])
def test_a_loss_without_its_label_is_zero(kind, key):
    prediction, label = read_arrays()
    section = {"type": kind, "loss_func": "mae", "metric": ["mae", "rmse"], "beta": 1.0}
    section |= DEEPMD_KIT["population, mae"]["section"] if kind == "population" else {}
    value, metrics = new_loss(section, START_LR, (output_of(kind),))(prediction, label, {key: False}, LR)
    assert float(value) == 0.0
    assert np.isnan(list(metrics.values())).all()


@pytest.mark.parametrize(
    ("kind", "output", "message"),
    [
        ("dos", ENERGY, "loss/type is 'dos', but the model gives energy"),
        ("property", ENERGY, "loss/type is 'property', but the model gives energy"),
        ("property", DOS, "loss/type is 'property', but the model gives dos"),
        ("tensor", DOS, "loss/type is 'tensor', but the model gives dos; take 'dos'"),
        ("ener", DOS, "loss/type is 'ener', but the model gives dos; take 'dos'"),
        ("ener", POPULATION, "loss/type is 'ener', but the model gives population; take 'population'"),
        ("population", DOS, "loss/type is 'population', but the model gives dos"),
    ],
)
def test_a_loss_of_another_output_is_refused(kind, output, message):
    section = {"loss_func": "mae", "metric": ["mae"], "beta": 1.0}
    with pytest.raises(InputError, match=message):
        new_loss({"type": kind, **section}, START_LR, (output,))
