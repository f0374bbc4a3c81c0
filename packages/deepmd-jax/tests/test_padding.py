# SPDX-License-Identifier: LGPL-3.0-or-later
"""Padding changes nothing: energies, forces, virials, losses and gradients are those of the unpadded arrays."""

from __future__ import annotations

import numpy as np
import pytest
from models import BY_NAME, new_trainer

from deepmd_dp.conformance.cases import CASES_DOUBLE
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.conformance.frames import FRAMES
from deepmd_dp.conformance.training import LEARNING_RATE, config_of, make_batch
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.loss import new_loss
from deepmd_dp.model import deserialize_model
from deepmd_dp.model.derivatives import energy_terms, force_terms
from deepmd_dp.numpy_backend.derivative import energy_and_gradient
from deepmd_jax.padding import pad, pad_environment, pad_labels, round_up, round_up_frames
from deepmd_jax.trainer import JaxTrainer

TOLERANCE = 1e-12
ALL_TERMS = {
    f"{end}_pref_{term}": value
    for term, value in {"e": 0.2, "f": 3.0, "v": 0.1, "ae": 0.3, "pf": 0.5, "gf": 0.7}.items()
    for end in ("start", "limit")
} | {"numb_generalized_coord": 2, "enable_atom_ener_coeff": True, "relative_f": 1.0}
GRADIENT_CASES = [
    "se_e2_a: frame and atomic parameters",
    "se_e2_a: excluded pairs",
    "se_e2_a: model without some atoms and pairs",
    "se_atten: all parameters",
    "se_atten: excluded pairs, smooth",
]


def assert_close(actual, expected, name):
    scale = max(1.0, np.max(np.abs(expected), initial=0.0))
    assert np.max(np.abs(actual - expected), initial=0.0) <= TOLERANCE * scale, name


@pytest.mark.parametrize("frames", FRAMES)
@pytest.mark.parametrize("case", CASES_DOUBLE, ids=str)
def test_results(case, frames):
    """In NumPy, so that nothing but the padding is looked at."""
    model, chosen = deserialize_model(random_document(case)["model"]), FRAMES[frames]
    nframes, nloc = chosen.atom_types.shape
    inputs = chosen.parameters(model.fitting.numb_fparam, model.fitting.numb_aparam)
    env = build_environment(model, chosen.coords, chosen.cells, chosen.atom_types)
    padded = pad_environment(env, model, with_frames=True)
    size = padded.atype.shape
    assert size == (round_up_frames(nframes, nloc), round_up(nloc)) != env.atype.shape
    results = terms(model, padded, *padded_inputs(inputs, size))
    for name, expected in terms(model, env, inputs.get("fparam"), inputs.get("aparam")).items():
        cut = results[name][:nframes, :nloc] if expected.ndim == 3 else results[name][:nframes]
        assert_close(cut, expected, name)
        if name in ("force", "atom_energy", "atom_virial"):
            assert np.all(results[name][:, nloc:] == 0.0)


def padded_inputs(inputs, size):
    fparam, aparam = inputs.get("fparam"), inputs.get("aparam")
    return (
        None if fparam is None else pad(fparam, (size[0], fparam.shape[1])),
        None if aparam is None else pad(aparam, (*size, aparam.shape[2])),
    )


def terms(model, env, fparam, aparam):
    energy, gradient = energy_and_gradient(model, env, fparam, aparam)
    return energy_terms(energy) | force_terms(env, gradient, virial=True, atomic=True)


@pytest.mark.parametrize("options", [{}, {"loss_func": "mae"}], ids=str)
@pytest.mark.parametrize("frames", FRAMES)
def test_loss(frames, options):
    """With all terms and their labels."""
    case = BY_NAME["se_e2_a: plain"]
    config = config_of(case)
    loss = new_loss(config["loss"] | ALL_TERMS | options, config["learning_rate"]["start_lr"])
    model, batch = deserialize_model(random_document(case)["model"]), make_batch(case, frames)
    rng, size = np.random.default_rng(2), batch.atype.shape
    labels = batch.labels | {
        "atom_pref": rng.uniform(size=(*size, 3)),
        "drdq": rng.normal(size=(*size, 6)),
        "atom_ener_coeff": rng.uniform(size=(*size, 1)),
    }
    env = build_environment(model, batch.coord, batch.box, batch.atype)
    padded = pad_environment(env, model)
    values = []
    for each, own in ((env, labels), (padded, pad_labels(labels, padded.atype.shape[1]))):
        prediction = terms(model, each, None, None)
        prediction["mask"] = model.mask(each, like=prediction["energy"])
        value, figures = loss(prediction, own, dict.fromkeys(labels, True), LEARNING_RATE)
        values.append(np.array([value, *figures.values()]))
    assert len(values[0]) == 7
    assert_close(values[1], values[0], "loss and figures")


class Unpadded(JaxTrainer):
    def arrange(self, env, labels):
        return env, labels


@pytest.mark.parametrize("name", GRADIENT_CASES)
def test_gradients_of_parameters(name):
    case = BY_NAME[name]
    moments = []
    for cls in (JaxTrainer, Unpadded):
        trainer = new_trainer(case, cls)
        trainer.step(trainer.prepare(make_batch(case, "virtual atoms")), LEARNING_RATE)
        moments.append({key: value for key, value in trainer.moments().items() if key.startswith("exp_avg/")})
    padded, expected = moments
    assert list(padded) == list(expected)
    for key, value in expected.items():
        assert_close(padded[key], value, key)


def test_few_sizes():
    sizes = {round_up(n) for n in range(1, 1025)}
    assert len(sizes) == 1 + 8 * 6
    for n in range(16, 1025):
        assert n <= round_up(n) <= max(16, n * 1.125)
        assert round_up(round_up(n)) == round_up(n)


def test_lists_whose_slots_differ_stay_as_wide_as_they_are():
    document = random_document(BY_NAME["se_e2_a: plain"])
    davg = document["model"]["descriptor"]["@variables"]["davg"]
    davg[:, 1] += 0.1
    model, chosen = deserialize_model(document["model"]), FRAMES["virtual atoms"]
    env = build_environment(model, chosen.coords, chosen.cells, chosen.atom_types)
    padded = pad_environment(env, model, with_frames=True)
    assert [nlist.shape[2] for nlist in padded.nlist] == list(model.list_widths)
    results, expected = (terms(model, each, None, None) for each in (padded, env))
    assert_close(results["energy"][: len(chosen.coords)], expected["energy"], "energy")


def test_lists_get_no_wider_than_sel_where_it_holds_them():
    rng = np.random.default_rng(0)
    model = deserialize_model(random_document(BY_NAME["se_e2_a: plain"])["model"])
    coord = rng.uniform(0.0, 30.0, (1, 100, 3))
    env = build_environment(model, coord, None, np.arange(100)[None] % 2)
    widths = [nlist.shape[2] for nlist in env.nlist]
    assert all(width <= sel for width, sel in zip(widths, model.slots, strict=True))
    padded = pad_environment(env, model)
    assert [nlist.shape[2] for nlist in padded.nlist] == list(model.slots)
