# SPDX-License-Identifier: LGPL-3.0-or-later
"""Padding changes nothing: all terms, losses and gradients are those of the unpadded arrays."""

from __future__ import annotations

import numpy as np
import pytest
from models import BY_NAME, new_trainer

from deepmd_dp.conformance.cases import FEW_CASES_DOUBLE
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.conformance.frames import FRAMES
from deepmd_dp.conformance.training import LEARNING_RATE, config_of, make_batch
from deepmd_dp.dialect.module import leaves
from deepmd_dp.environment.builder import all_neighbors, build_environment
from deepmd_dp.environment.parts import frame_parts
from deepmd_dp.kit.common_sizes import round_up
from deepmd_dp.kit.padding import Padding, pad_atoms
from deepmd_dp.kit.signature import with_file_inputs
from deepmd_dp.loss import new_loss
from deepmd_dp.model import deserialize_model
from deepmd_dp.model.evaluate import evaluate
from deepmd_dp.numpy_backend.derivative import derivative
from deepmd_jax.trainer import JaxTrainer

TOLERANCE = 1e-12
PLAIN = "se_e2_a: plain"
ALL_TERMS = {
    f"{end}_pref_{term}": value
    for term, value in {"e": 0.2, "f": 3.0, "v": 0.1, "ae": 0.3, "pf": 0.5, "gf": 0.7}.items()
    for end in ("start", "limit")
} | {"numb_generalized_coord": 2, "enable_atom_ener_coeff": True, "relative_f": 1.0}
GRADIENT_CASES = [
    "se_e2_a: frame and atomic parameters",
    "se_e2_a: excluded pairs",
    "se_e2_a: model without some atoms and pairs",
    "se_e2_a: dipole of some types, all parameters",
    "se_atten: all parameters",
    "se_atten: excluded pairs, smooth",
    "hybrid: three lists",
]


def model_of(name: str):
    return deserialize_model(random_document(BY_NAME[name])["model"])


def assert_close(actual, expected, name):
    assert actual.shape == expected.shape
    scale = max(1.0, np.max(np.abs(expected), initial=0.0))
    assert np.max(np.abs(actual - expected), initial=0.0) <= TOLERANCE * scale, name


def environment_of(model, frames: str):
    chosen = FRAMES[frames]
    env = build_environment(model, chosen.coords, chosen.cells, chosen.atom_types)
    return with_file_inputs(env, model), chosen.parameters(model.dim_fparam, model.dim_aparam)


def compare_terms(model, env, padded, inputs):
    """All terms of the padded environment, cut, and zeros where they are cut."""
    sizes = {"nframes": env.atype.shape[0], "nloc": env.atype.shape[1], "nall": env.mapping.shape[1]}
    expected = terms(model, env, inputs)
    results = terms(model, padded, {name: pad_atoms(array, padded) for name, array in inputs.items()})
    axes = {term.name: term.axes for output in model.outputs for term in output.terms()}
    assert set(results) == set(expected) == set(axes)
    for name, array in results.items():
        cut = tuple(slice(sizes.get(axis) if isinstance(axis, str) else None) for axis in axes[name])
        assert_close(array[cut], expected[name], name)
        if {"nloc", "nall"} & set(axes[name]):
            rest = array.copy()
            rest[cut] = 0.0
            assert np.all(rest == 0.0)


def terms(model, env, inputs):
    nall = env.mapping.shape[1]
    return evaluate(model, env, inputs.get("fparam"), inputs.get("aparam"), derivative, atomic=True, nall=nall)


@pytest.mark.parametrize("frames", FRAMES)
@pytest.mark.parametrize("case", FEW_CASES_DOUBLE, ids=str)
def test_results(case, frames):
    """In NumPy, so that nothing but the padding is looked at."""
    model = model_of(case.name)
    env, inputs = environment_of(model, frames)
    padded = Padding(model, with_frames=True).pad(env)
    assert padded.atype.shape[0] in (2, 4)
    assert padded.atype.shape[1] == padded.mapping.shape[1] == 16
    compare_terms(model, env, padded, inputs)


@pytest.mark.parametrize("name", GRADIENT_CASES)
def test_ghosts(name):
    """The local atoms stay as many as they are, the ghosts get more."""
    model, chosen = model_of(name), FRAMES["virtual atoms"]
    inputs = chosen.parameters(model.dim_fparam, model.dim_aparam)
    frames = chosen.coords, chosen.cells, chosen.atom_types
    for part in frame_parts(model, *frames, all_neighbors(model, *frames), 3):
        padded = Padding(model, with_frames=True).pad(part.env)
        assert padded.atype.shape == (2, 3)
        assert padded.mapping.shape == (2, 16)
        own = {key: part.rows_of(array) if key == "aparam" else array for key, array in inputs.items()}
        compare_terms(model, part.env, padded, own)


def test_features_of_neighbors_are_found_in_padded_environments():
    """Local atoms stay their own images, those that are added too; they do not count."""
    model = model_of("dpa2: plain")
    env, _ = environment_of(model, "open")
    padded = Padding(model, with_frames=True).pad(env)
    assert np.array_equal(padded.mapping, np.tile(np.arange(16), (2, 1)))
    assert np.array_equal(padded.owned > 0, padded.atype >= 0)


@pytest.mark.parametrize("options", [{}, {"loss_func": "mae"}], ids=str)
@pytest.mark.parametrize("frames", FRAMES)
def test_loss(frames, options):
    """With all terms and their labels."""
    case = BY_NAME[PLAIN]
    config, model, batch = config_of(case), model_of(PLAIN), make_batch(case, frames)
    loss = new_loss(config["loss"] | ALL_TERMS | options, config["learning_rate"]["start_lr"], model.outputs)
    rng, size = np.random.default_rng(2), batch.atype.shape
    labels = batch.labels | {
        "atom_pref": rng.uniform(size=(*size, 3)),
        "drdq": rng.normal(size=(*size, 6)),
        "atom_ener_coeff": rng.uniform(size=(*size, 1)),
    }
    env = build_environment(model, batch.coord, batch.box, batch.atype)
    padded = Padding(model).pad(env)
    values = []
    for each in (env, padded):
        prediction = evaluate(model, each, None, None, derivative)
        prediction["mask"] = model.mask(each, like=prediction["energy"])
        own = {name: pad_atoms(label, each) for name, label in labels.items()}
        value, metrics = loss(prediction, own, dict.fromkeys(labels, True), LEARNING_RATE)
        values.append(np.array([value, *metrics.values()]))
    assert len(values[0]) == 7
    assert_close(values[1], values[0], "loss and metrics")


class Unpadded(JaxTrainer):
    def pad(self, env, labels):
        return env, labels


@pytest.mark.parametrize("name", GRADIENT_CASES)
def test_gradients_of_parameters(name):
    case = BY_NAME[name]
    padded, expected = (
        trainer.gradients(trainer.prepare(make_batch(case, "virtual atoms")), LEARNING_RATE)
        for trainer in (new_trainer(case, cls) for cls in (JaxTrainer, Unpadded))
    )
    assert list(padded[0]) == list(expected[0])
    assert list(padded[1]) == list(expected[1])
    for key, value in expected[1].items():
        assert_close(np.asarray(padded[1][key]), np.asarray(value), key)


def test_few_sizes():
    sizes = {round_up(n) for n in range(1, 1025)}
    assert len(sizes) == 1 + 8 * 6
    for n in range(16, 1025):
        assert n <= round_up(n) <= max(16, n * 1.125)
        assert round_up(round_up(n)) == round_up(n)


def test_sizes_met_before_are_taken_again_where_they_waste_little():
    model, rng = model_of(PLAIN), np.random.default_rng(0)
    coord = rng.uniform(0.0, 30.0, (1, 200, 3))
    padding = Padding(model)

    def padded(natoms: int):
        env = build_environment(model, coord[:, :natoms], None, np.arange(natoms)[None] % 2)
        return padding.pad(env)

    assert padded(200).atype.shape == (1, 208)
    assert padded(170).atype.shape == (1, 208)
    assert padded(100).atype.shape == (1, 104)


def test_parts_of_a_frame_have_one_size():
    """Though their compositions differ a little, where they are taken evenly of all types."""
    model, rng = model_of(PLAIN), np.random.default_rng(0)
    coord, atype = rng.uniform(0.0, 24.0, (1, 1500, 3)), (rng.uniform(size=(1, 1500)) > 0.3).astype(np.int64)
    padding, sizes = Padding(model, with_frames=True), set()
    for part in frame_parts(model, coord, None, atype, all_neighbors(model, coord, None, atype), 128):
        padded = padding.pad(part.env)
        sizes.add(tuple(leaf.array.shape for leaf in leaves(padded)))
    assert len(sizes) == 1


def test_lists_whose_slots_differ_stay_as_wide_as_they_are():
    document = random_document(BY_NAME[PLAIN])
    davg = document["model"]["descriptor"]["@variables"]["davg"].copy()
    davg[:, 1] += 0.1
    tree = document["model"] | {
        "descriptor": document["model"]["descriptor"]
        | {"@variables": document["model"]["descriptor"]["@variables"] | {"davg": davg}}
    }
    model = deserialize_model(tree)
    env, inputs = environment_of(model, "virtual atoms")
    padded = Padding(model, with_frames=True).pad(env)
    assert [block.nlist.shape[2] for block in padded.lists[0]] == list(model.lists[0].widths)
    compare_terms(model, env, padded, inputs)


def test_lists_get_no_wider_than_sel_where_it_holds_them():
    model, rng = model_of(PLAIN), np.random.default_rng(0)
    env = build_environment(model, rng.uniform(0.0, 30.0, (1, 100, 3)), None, np.arange(100)[None] % 2)
    (sel,) = model.capacities.values()
    assert all(block.nlist.shape[2] <= width for block, width in zip(env.lists[0], sel, strict=True))
    assert [block.nlist.shape[2] for block in Padding(model).pad(env).lists[0]] == list(sel)
