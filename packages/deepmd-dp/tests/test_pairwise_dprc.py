# SPDX-License-Identifier: LGPL-3.0-or-later
"""Corrections of QM/MM by residues: the sum over groups of atoms, each evaluated by itself."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from deepmd.contract import new_document, read_document, write_document
from deepmd.data.batch import Batch
from deepmd.errors import DataError, DeepmdError, InputError, ModelFileError
from deepmd.infer import DeepPot
from deepmd_dp.environment.builder import all_neighbors, build_environment
from deepmd_dp.environment.expansion import GROUP, expanded, groups_of
from deepmd_dp.environment.neighbor_cache import NeighborCache
from deepmd_dp.environment.virtual_atoms import VirtualAtoms
from deepmd_dp.kit.metadata import write_metadata
from deepmd_dp.kit.trainer import BaseTrainer
from deepmd_dp.model import deserialize_model, new_model
from deepmd_dp.model.evaluate import evaluate
from deepmd_dp.numpy_backend.derivative import derivative
from deepmd_dp.statistics import with_statistics

TYPES = ["C", "H", "OW"]
FITTING = {"neuron": [3], "seed": 1}
MIXED = {"type": "se_atten_v2", "sel": 12, "rcut": 4.0, "rcut_smth": 1.0, "neuron": [2, 4], "axis_neuron": 2, "seed": 2}
BY_TYPE = {"type": "se_e2_a", "sel": [3, 3, 3], "rcut": 3.5, "neuron": [2, 4], "axis_neuron": 2, "seed": 3}
RADIAL = {"type": "se_e2_r", "sel": [3, 3, 3], "rcut": 3.5, "neuron": [2, 4]}
TOLD_APART = [[0, 0], [0, 1], [1, 1]]
SECTION = {
    "type": "pairwise_dprc",
    "type_map": TYPES,
    "qm_model": {"descriptor": MIXED, "fitting_net": {**FITTING, "atom_ener": [None, None, 0.0]}},
    "qmmm_model": {"descriptor": {**BY_TYPE, "exclude_types": TOLD_APART}, "fitting_net": FITTING},
}
ATYPE = np.array([0, 1, 1, 2, 2, 2, 0, 2])
NUMBER = np.array([0.0, 0.0, 0.0, 7.0, 7.0, 3.0, 3.0, -1.0])  # the last one is left out


@pytest.fixture
def frames():
    rng = np.random.default_rng(3)
    return rng.uniform(0.0, 5.0, (2, 8, 3)), 6.0 * np.eye(3) + rng.uniform(-0.5, 0.5, (2, 3, 3))


@pytest.fixture
def model(model_section):
    made = new_model(model_section(**SECTION), np.random.default_rng(5))
    rng = np.random.default_rng(8)
    tree = made.serialize()
    for name, array in tree["@variables"].items():
        if name.startswith("out_bias"):
            array[...] = rng.normal(size=array.shape)
    return deserialize_model(tree)


def by_itself(part, coord, box, atype):
    """Energy, force and virial of some atoms by one of the models."""
    env = build_environment(part, coord, box, np.tile(atype, (2, 1)))
    terms = evaluate(part, env, None, None, derivative)
    return terms["energy"], terms["force"], terms["virial"]


def sum_over_groups(model, coord, box):
    """The definition."""
    energy, force, virial = np.zeros((2, 1)), np.zeros(coord.shape), np.zeros((2, 9))
    qm = np.flatnonzero(NUMBER == 0)
    groups = [(0, qm), *((1, np.flatnonzero((NUMBER == 0) | (k == NUMBER))) for k in (3.0, 7.0))]
    for which, rows in groups:
        part = by_itself(model.models[which], coord[:, rows], box, ATYPE[rows])
        energy, virial = energy + part[0], virial + part[2]
        force[:, rows] += part[1]
        bias = model.out_bias[0, ATYPE[rows] + which * len(TYPES), 0]
        energy = energy + bias.sum()
    return energy, force, virial


def deep_pot(model, tmp_path, ending="dp"):
    path = tmp_path / f"model.{ending}"
    write_document(path, new_document(model.serialize(), backend="DP", model_def_script=SECTION))
    return DeepPot(path)


@pytest.mark.parametrize("is_periodic", [True, False])
def test_energies_are_those_of_groups_by_themselves(model, frames, tmp_path, is_periodic):
    coord, box = frames
    box = box if is_periodic else None
    pot = deep_pot(model, tmp_path)
    found = pot.eval(coord, box, ATYPE, aparam=NUMBER[:, None], atomic=True)
    for one, expected in zip(found, sum_over_groups(model, coord, box), strict=False):
        np.testing.assert_allclose(one.reshape(expected.shape), expected, rtol=0.0, atol=1e-12)
    assert np.all(found[3][:, -1] == 0.0)
    np.testing.assert_allclose(found[3].sum(axis=1), found[0], rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(found[4].sum(axis=1), found[2], rtol=0.0, atol=1e-12)
    assert (pot.get_type_map(), pot.get_dim_aparam(), pot.get_ntypes()) == (TYPES, 1, 3)
    assert pot.eval_descriptor(coord, box, ATYPE, aparam=NUMBER[:, None]).shape == (2, 8, 16)


def test_training_sees_what_inference_gives(model, frames, tmp_path):
    """In rows of atoms, those of copies being 0, padded as JAX's are; from lists that were kept."""
    coord, box = frames
    labels = {"aparam": np.tile(NUMBER[:, None], (2, 1, 1)), "force": np.ones((2, 8, 3))}
    batch = Batch(coord, box, np.tile(ATYPE, (2, 1)), labels, {}, system="here", frames=np.arange(2))
    seen = model.expansion.expand_batch(batch)
    assert seen.natoms == 8 + 2 * 3
    assert not seen.labels["force"][:, 8:].any()
    cache = NeighborCache(model)
    cache.lists(seen)
    env = build_environment(model, seen.coord, box, seen.atype, cache.lists(seen))
    terms = evaluate(model, env, None, None, derivative)
    terms["mask"] = model.mask(env, terms["atom_energy"])
    terms |= model.expansion.of_atoms(terms, env, seen.labels)
    _, force, _, energy, _ = deep_pot(model, tmp_path).eval(coord, box, ATYPE, aparam=NUMBER[:, None], atomic=True)
    np.testing.assert_allclose(terms["force"][:, :8], force, rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(terms["atom_energy"][:, :8], energy, rtol=0.0, atol=1e-12)
    np.testing.assert_array_equal(terms["mask"][0, :, 0], [1.0] * 7 + [0.0] * 7)
    assert not terms["force"][:, 8:].any()


def test_kept_lists_follow_the_places_of_copies(model, frames):
    """A frame that is padded further has its copies further behind."""
    coord, box = frames
    cache, found = NeighborCache(model), []
    for padding in (0, 2):
        labels = {"aparam": np.pad(np.tile(NUMBER[:, None], (2, 1, 1)), ((0, 0), (0, padding), (0, 0)))}
        atype = np.pad(np.tile(ATYPE, (2, 1)), ((0, 0), (0, padding)), constant_values=-1)
        padded = np.pad(coord, ((0, 0), (0, padding), (0, 0)))
        batch = model.expansion.expand_batch(Batch(padded, box, atype, labels, system="a", frames=np.arange(2)))
        env = build_environment(model, batch.coord, box, batch.atype, cache.lists(batch))
        found.append(evaluate(model, env, None, None, None)["energy"])
    np.testing.assert_allclose(found[1], found[0], rtol=0.0, atol=1e-12)


def test_lists_in_groups(model, frames):
    coord, box = frames
    seen = model.expansion.expand(coord, np.tile(ATYPE, (2, 1)), np.tile(NUMBER[:, None], (2, 1, 1)))
    for lists, group in zip(all_neighbors(model, seen.coord, box, seen.atype, seen.group), seen.group, strict=True):
        for each in lists:
            centers, slots = np.nonzero(each.nlist >= 0)
            assert np.all(group[centers] == group[each.nlist[centers, slots]])
            assert not np.any(each.nlist[group < 0] >= 0)


def test_statistics_and_biases_are_those_of_groups(model_section, frames):
    coord, box = frames
    section = model_section(**SECTION)
    labels = {"aparam": np.tile(NUMBER[:, None], (2, 1, 1)), "energy": np.array([[-3.0], [-4.0]])}
    batch = Batch(coord, box, np.tile(ATYPE, (2, 1)), labels, {"energy": True})
    model = with_statistics(new_model(section, np.random.default_rng(0)), [batch], section)
    assert model.out_bias[0, 2, 0] == 0.0  # by atom_ener
    part = model_section(type_map=TYPES, **SECTION["qm_model"])
    qm = Batch(coord[:, :3], box, np.tile(ATYPE[:3], (2, 1)), {"energy": labels["energy"]}, {"energy": True})
    alone = with_statistics(new_model(part, np.random.default_rng(0)), [qm], part)
    found, expected = (each.serialize()["descriptor"]["@variables"]["dstd"] for each in (model.models[0], alone))
    np.testing.assert_allclose(found[:2], expected[:2], rtol=1e-12)


def test_a_file_keeps_it(model, tmp_path):
    tree = deep_pot(model, tmp_path).deep_eval.get_model().serialize()
    assert (tree["type"], tree["type_map"]) == ("pairwise_dprc", TYPES)
    np.testing.assert_array_equal(tree["@variables"]["out_bias_qmmm"], model.out_bias[:, 3:])
    record = write_metadata(model, [])
    assert "of atoms and copies of them, which is for Python only" in record


def test_a_file_of_qm_atoms_may_know_them_only(model, model_section, frames, tmp_path):
    """Models of files are found by the names of their types, and not trained."""
    file = str(tmp_path / "qm.dp")
    own = model_section(type_map=["H", "C"], descriptor={**MIXED}, fitting_net=FITTING)
    qm = new_model(own, np.random.default_rng(2))
    write_document(file, new_document(qm.serialize(), backend="DP", model_def_script=own))
    section = model_section(**{**SECTION, "qm_model": {"type": "frozen", "model_file": file}})
    whole = new_model(section, np.random.default_rng(5))
    coord, box = frames
    pot = deep_pot(whole, tmp_path)
    energy = pot.eval(coord[:, :3], box, [0, 1, 1], aparam=np.zeros((3, 1)))[0]
    np.testing.assert_allclose(energy, by_itself(qm, coord[:, :3], box, np.array([1, 0, 0]))[0], rtol=0.0, atol=1e-12)
    with pytest.raises(InputError, match="aparam of frame 0 is 0 for atom 1: a QM atom, but `qm_model` knows no such"):
        pot.eval(coord[:, :2], box, [0, 2], aparam=np.zeros((2, 1)))
    labels = {"aparam": np.tile(NUMBER[:, None], (2, 1, 1)), "energy": np.zeros((2, 1))}
    batch = Batch(coord, box, np.tile(ATYPE, (2, 1)), labels, {"energy": True})
    kept = with_statistics(whole, [batch], section).models[0].serialize()["descriptor"]["@variables"]["dstd"]
    np.testing.assert_array_equal(kept, qm.serialize()["descriptor"]["@variables"]["dstd"])


def test_wrong_numbers_are_refused(model, frames, tmp_path):
    coord, box = frames
    pot = deep_pot(model, tmp_path)
    with pytest.raises(InputError, match=r"aparam of frame 0 is 0\.5 for atom 1: expected whole numbers, 0 for a QM"):
        pot.eval(coord, box, ATYPE, aparam=np.where(np.arange(8) == 1, 0.5, 1.0)[:, None])
    with pytest.raises(InputError, match="the model needs aparam"):
        pot.eval(coord, box, ATYPE)
    batch = Batch(coord, box, np.tile(ATYPE, (2, 1)), {"aparam": np.full((2, 8, 1), 0.5)}, {}, "here", np.arange(2))
    with pytest.raises(DataError, match=r"system here: aparam of frame 0 is 0\.5 for atom 0"):
        expanded(model, batch)
    with pytest.raises(InputError, match=r"aparam of frame 0 is 1e\+300 for atom 0: expected whole numbers"):
        pot.eval(coord, box, ATYPE, aparam=np.full((8, 1), 1e300))
    left_out = replace(batch, labels={"aparam": np.full((2, 8, 1), -1.0)})
    with pytest.raises(DataError, match="system here: all atoms of frame 0 are left out"):
        BaseTrainer.prepare(SimpleNamespace(_numpy_model=model), left_out)
    with pytest.raises(InputError, match="Hessians of models of spins and of `pairwise_dprc` are not there yet"):
        pot.eval_hessian(coord, box, ATYPE, aparam=NUMBER[:, None])


def test_groups_of_other_batches_are_none(frames):
    coord, box = frames
    batch = Batch(coord, box, np.tile(ATYPE, (2, 1)), {"spin": np.ones((2, 8, 3))}, {})
    seen = VirtualAtoms((True, False, False), (0.3, 0.0, 0.0)).expand_batch(batch)
    assert groups_of(seen) is None
    assert GROUP not in seen.labels


def test_a_common_embedding_of_types_goes_to_both(model_section):
    given = {"neuron": [4], "activation_function": "linear"}
    section = {**SECTION, "type_embedding": given, "qmmm_model": {"descriptor": MIXED, "fitting_net": FITTING}}
    parts = model_section(**section)
    assert [parts[name]["descriptor"]["tebd_dim"] for name in ("qm_model", "qmmm_model")] == [4, 4]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"qm_model": None}, "model/qm_model is missing"),
        ({"preset_out_bias": {"energy": [0.0] * 3}}, "model/preset_out_bias: give `atom_ener` in the fitting_net of"),
        (
            {"type_embedding": {"neuron": [4]}, "qm_model": {"descriptor": RADIAL, "fitting_net": FITTING}},
            "model/type_embedding: the descriptor `se_e2_r` takes none; leave type_embedding out",
        ),
        ({"use_srtab": "x"}, "model/use_srtab is given, but tables for near atoms are for models of type"),
        (
            {"qm_model": {"descriptor": MIXED, "fitting_net": {**FITTING, "numb_aparam": 1}}},
            "qm_model takes aparam, which says of which residue an atom is; leave numb_aparam out",
        ),
        ({"qmmm_model": SECTION}, "model/qmmm_model/type is 'pairwise_dprc': it does not go into another"),
    ],
)
def test_what_cannot_be(model_section, changes, message):
    section = {name: value for name, value in {**SECTION, **changes}.items() if value is not None}
    with pytest.raises(DeepmdError, match=message):
        new_model(model_section(**section), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tree: tree["models"].pop(), "is made of 1 models; expected two"),
        (lambda tree: tree["@variables"].pop("out_std_qmmm"), "out_std_qmmm"),
        (lambda tree: tree["type_map"].append("N"), "qmmm_model knows no N"),
    ],
)
def test_a_damaged_tree_says_what_is_wrong(model, tmp_path, change, message):
    deep_pot(model, tmp_path)
    tree = read_document(tmp_path / "model.dp")["model"]
    change(tree)
    with pytest.raises(ModelFileError, match=message):
        deserialize_model(tree)
