# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models of spins: frames with virtual atoms, magnetic forces, the forms of the input, the loss."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import array_api_strict
import numpy as np
import pytest

from deepmd.contract import read_document
from deepmd.contract.summary import type_map_of
from deepmd.data import Batch
from deepmd.data.batch import check_meaning
from deepmd.errors import DataError, InputError, ModelFileError
from deepmd.infer import DeepPot
from deepmd.outputs import ENERGY
from deepmd.registry import label_sets
from deepmd_dp.conformance.reference_numbers import REFERENCE
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.environment.sides import other_side, sides
from deepmd_dp.kit.metadata import write_metadata
from deepmd_dp.loss import new_loss
from deepmd_dp.model import deserialize_model, new_model
from deepmd_dp.model.evaluate import evaluate
from deepmd_dp.model.spin import read_spin
from deepmd_dp.numpy_backend.compress import compress
from deepmd_dp.numpy_backend.derivative import derivative

PATH = REFERENCE / "spin" / "model.dp"
LOSSES = json.loads((Path(__file__).parent / "data" / "spin" / "loss.json").read_text())
LR, START_LR = 4e-4, 1e-3
MAGNETIC = replace(ENERGY, is_magnetic=True)
STEP = 1e-4
SECTION = {
    "type_map": ["O", "H", "C"],
    "descriptor": {"type": "se_e2_a", "sel": [4, 5, 6], "rcut": 4.0, "neuron": [2, 4], "axis_neuron": 2},
    "fitting_net": {"neuron": [4], "atom_ener": [-1.0, None, -2.0]},
    "spin": {"use_spin": ["H", "O"], "virtual_scale": [0.3, 0.4]},
    "pair_exclude_types": [[0, 2]],
    "preset_out_bias": {"energy": [None, -5.0, None]},
}


@pytest.fixture(scope="module")
def model():
    return DeepPot(PATH)


@pytest.fixture(scope="module")
def data():
    with np.load(REFERENCE / "spin" / "data.npz") as file:
        return dict(file)


def evaluate_all(model, data, **changes):
    names = {"coords": "coord", "cells": "box", "atom_types": "atype", "spin": "spin"}
    given = {name: data[key] for name, key in names.items()} | {key: data[key] for key in ("fparam", "aparam")}
    return model.eval(**{**given, **changes})


def batch_of(data, **changes):
    labels = {key: data[key] for key in ("spin", "fparam", "aparam")}
    atype = np.tile(data["atype"], (2, 1))
    batch = Batch(data["coord"], data["box"], atype, labels, {}, "here", np.arange(2))
    return replace(batch, **changes)


def test_what_a_model_says(model):
    assert (model.get_type_map(), model.get_ntypes(), model.get_sel_type()) == (["O", "H"], 2, [0, 1])
    assert model.has_spin
    assert model.use_spin == [False, True]
    assert model.backend.get_virtual_scale() == {"H": 0.35}


def test_results_are_in_the_order_of_deepmd_kit(model, data):
    _, _, _, force_mag, mask = evaluate_all(model, data)
    *_, atom_energy, atom_virial, same, _ = evaluate_all(model, data, atomic=True)
    assert (atom_energy.shape, atom_virial.shape) == ((2, 5, 1), (2, 5, 9))
    np.testing.assert_array_equal(same, force_mag)
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask[..., 0], np.tile(data["atype"] == 1, (2, 1)))
    assert np.all((force_mag != 0.0) == mask)


@pytest.mark.parametrize("periodic", [True, False])
def test_derivatives(model, data, periodic):
    """Forces, magnetic forces and the virial at fixed spins by differences of the energy."""
    rng = np.random.default_rng(1)
    move, turn, strain = rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 5, 3)), rng.normal(size=(3, 3))
    box = data["box"] if periodic else None
    _, force, virial, force_mag, _ = evaluate_all(model, data, cells=box)

    def slope(change):
        energies = [evaluate_all(model, data, **{"cells": box, **change(sign * STEP)})[0] for sign in (1, -1)]
        return (energies[0] - energies[1])[:, 0] / (2 * STEP)

    def strained(by):
        deformation = np.eye(3) + by * strain
        return {"coords": data["coord"] @ deformation} | ({"cells": box @ deformation} if periodic else {})

    moved, turned = (
        slope(lambda by: {"coords": data["coord"] + by * move}),
        slope(lambda by: {"spin": data["spin"] + by * turn}),
    )
    np.testing.assert_allclose(moved, -np.sum(force * move, axis=(1, 2)), atol=1e-9)
    np.testing.assert_allclose(turned, -np.sum(force_mag * turn, axis=(1, 2)), atol=1e-9)
    expected = -np.einsum("fab,ba->f", virial.reshape(2, 3, 3), strain)
    np.testing.assert_allclose(slope(strained), expected, atol=1e-9)


def test_no_atoms(model):
    nothing = {"coord": np.zeros((2, 0)), "atype": np.zeros(0, int), "box": None, "spin": np.zeros((2, 0, 3))}
    found = evaluate_all(model, nothing | {"fparam": np.zeros(1), "aparam": np.zeros((2, 0, 1))})
    assert [each.shape for each in found] == [(2, 1), (2, 0, 3), (2, 9), (2, 0, 3), (2, 0, 1)]


def test_spins_of_other_types_do_not_matter(model, data):
    spin = np.where(data["atype"][:, None] == 0, 100.0, data["spin"])
    for one, other in zip(evaluate_all(model, data), evaluate_all(model, data, spin=spin), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-13)


def test_training_sees_what_inference_gives(model, data):
    """Batches with virtual atoms, padded as JAX's are."""
    numpy_model = deserialize_model(read_document(str(PATH))["model"])
    virtual = numpy_model.expansion
    batch = virtual.expand_batch(batch_of(data))
    labels = {
        key: np.pad(each, ((0, 0), (0, 2), (0, 0))) if each.ndim == 3 else each for key, each in batch.labels.items()
    }
    coord, atype = (
        np.pad(batch.coord, ((0, 0), (0, 2), (0, 0))),
        np.pad(batch.atype, ((0, 0), (0, 2)), constant_values=-1),
    )
    env = build_environment(numpy_model, coord, batch.box, atype)
    terms = evaluate(numpy_model, env, labels["fparam"], labels["aparam"], derivative)
    terms |= virtual.of_atoms(terms, env, labels)
    _, force, virial, force_mag, mask = evaluate_all(model, data)
    np.testing.assert_allclose(terms["virial"], virial, atol=1e-14)
    for name, expected in (("force", force), ("force_mag", force_mag), ("mask_mag", mask)):
        np.testing.assert_allclose(terms[name][:, :5], expected, atol=1e-14)
    assert not terms["mask_mag"][:, 5:].any()
    np.testing.assert_array_equal(numpy_model.mask(env, coord)[:, :, 0], np.arange(12) < 5 * np.ones((2, 1)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spin": None}, "the model needs spin: 3 numbers for each atom"),
        ({"spin": np.zeros((2, 4, 3))}, r"spin has the shape \(2, 4, 3\), expected \(2, 5, 3\) or \(5, 3\)"),
        ({"spin": np.full((2, 5, 3), np.nan)}, "spin holds nan at frame 0, atom 0, expected finite numbers"),
        ({"spin": "up"}, "spin is not an array of numbers"),
    ],
)
def test_wrong_spins_are_refused(model, data, changes, message):
    with pytest.raises(InputError, match=message):
        evaluate_all(model, data, **changes)


def test_spins_are_refused_by_other_models(data):
    with pytest.raises(InputError, match="spin is given, but the model takes none"):
        DeepPot(REFERENCE / "sea" / "model.dp").eval(data["coord"], None, data["atype"], spin=data["spin"])


def with_zeros(data, which):
    """Spins of which one is zero, or all."""
    spin = np.where(np.arange(5)[:, None] == 1, 0.0, data["spin"])
    return np.zeros_like(spin) if which == "all" else spin


@pytest.mark.parametrize("which", ["one", "all"])
def test_zero_spins_have_the_numbers_of_deepmd_kit(model, data, which):
    """3.2.0 with `--pt`: the distance's derivative at 0 is 0 there, so magnetic forces are finite, and not zero."""
    energy, force, virial, *atomic, force_mag, _ = evaluate_all(model, data, spin=with_zeros(data, which), atomic=True)
    found = {"energy": energy, "force": force, "virial": virial, "force_mag": force_mag}
    found |= dict(zip(("atom_energy", "atom_virial"), atomic, strict=True))
    with np.load(Path(__file__).parent / "data" / "spin" / "zero_spins.npz") as file:
        for name, values in found.items():
            np.testing.assert_allclose(values, file[f"{which}|{name}"], rtol=0.0, atol=1e-13, err_msg=name)
    assert np.abs(force_mag[:, 1]).min() > 1e-6


def test_magnetic_forces_at_zero_are_differences_of_the_energy(model, data):
    """Of both sides, since the kink of the distance is even; its product with what is odd leaves an error like h."""
    spin, turn = with_zeros(data, "all"), np.random.default_rng(4).normal(size=(2, 5, 3))
    _, _, _, force_mag, _ = evaluate_all(model, data, spin=spin)

    def slope(h):
        energies = [evaluate_all(model, data, spin=spin + sign * h * turn)[0][:, 0] for sign in (1, -1)]
        return (energies[0] - energies[1]) / (2.0 * h)

    expected = -np.sum(force_mag * turn, axis=(1, 2))
    np.testing.assert_allclose(2.0 * slope(5e-7) - slope(1e-6), expected, rtol=0.0, atol=1e-7)


def test_training_sees_zero_spins_from_both_sides(model, data):
    numpy_model, spin = deserialize_model(read_document(str(PATH))["model"]), with_zeros(data, "one")
    batch = numpy_model.expansion.expand_batch(batch_of(data, labels={**batch_of(data).labels, "spin": spin}))
    env = build_environment(numpy_model, batch.coord, batch.box, batch.atype)
    one, other = sides(env, numpy_model)
    back = other_side(other)
    for blocks, same in zip(one.lists, back.lists, strict=True):
        for block, again in zip(blocks, same, strict=True):
            np.testing.assert_array_equal(block.edge_vec, again.edge_vec)
    parameters = batch.labels["fparam"], batch.labels["aparam"]
    each = [evaluate(numpy_model, side, *parameters, derivative) for side in (one, other)]
    terms = {name: 0.5 * (values + each[1][name]) for name, values in each[0].items()}
    terms |= numpy_model.expansion.of_atoms(terms, env, batch.labels)
    _, force, virial, force_mag, _ = evaluate_all(model, data, spin=spin)
    np.testing.assert_allclose(terms["virial"], virial, atol=1e-14)
    np.testing.assert_allclose(terms["force"][:, :5], force, atol=1e-14)
    np.testing.assert_allclose(terms["force_mag"][:, :5], force_mag, atol=1e-14)


def test_one_side_is_enough_without_zero_spins(data):
    numpy_model = deserialize_model(read_document(str(PATH))["model"])
    batch = numpy_model.expansion.expand_batch(batch_of(data))
    env = build_environment(numpy_model, batch.coord, batch.box, batch.atype)
    assert sides(env, numpy_model) == (env,)


def test_a_model_without_protection_takes_no_zero_spins(data):
    tree = read_document(str(PATH))["model"]
    tree["backbone_model"]["descriptor"]["env_protection"] = 0.0
    virtual = deserialize_model(tree).expansion
    batch = batch_of(data, labels={"spin": np.zeros((2, 5, 3))})
    with pytest.raises(DataError, match=r"system here: spin of frame 0 is zero for atom 1"):
        check_meaning(batch, "spin", virtual.problem)
    assert virtual.problem(np.full((2, 5, 3), 1e12), batch.atype)[1].startswith("puts the virtual atom of atom ")


@pytest.mark.parametrize(("attn_layer", "attn_dotr", "takes"), [(1, True, False), (1, False, True), (0, True, True)])
def test_cosines_of_attention_take_no_zero_spins(model_section, attn_layer, attn_dotr, takes):
    """Unit vectors have no derivative at 0: deepmd-kit's magnetic forces are 1e14 eV/μB there."""
    descriptor = {"type": "se_atten", "sel": 20, "rcut": 4.0, "attn_layer": attn_layer, "attn_dotr": attn_dotr}
    spin = {"use_spin": [True, False], "virtual_scale": [0.3]}
    section = model_section(type_map=["Ni", "O"], descriptor=descriptor, fitting_net={}, spin=spin)
    assert new_model(section, np.random.default_rng(0)).expansion.takes_zero is takes


@pytest.mark.parametrize(
    "spin", [{"use_spin": [0, 1], "virtual_scale": [0.3]}, {"use_spin": [True], "virtual_scale": None}]
)
def test_a_damaged_tree_is_refused(spin):
    tree = read_document(str(PATH))["model"] | {"spin": spin}
    with pytest.raises(ModelFileError, match="the model's spin has use_spin"):
        deserialize_model(tree)


def test_a_tree_of_other_types_is_refused():
    tree = read_document(str(PATH))["model"] | {"spin": {"use_spin": [True], "virtual_scale": [0.3]}}
    with pytest.raises(ModelFileError, match="the model has 4 types, spin 1"):
        deserialize_model(tree)


def test_compression_is_refused():
    with pytest.raises(InputError, match="a model of spins is not compressed"):
        compress(read_document(str(PATH)), lambda: 1.0)


def test_names_of_types_in_a_tree():
    assert type_map_of(read_document(str(PATH))["model"]) == ["O", "H"]


def test_programs_in_cpp_do_not_take_it_for_a_potential():
    record = json.loads(write_metadata(deserialize_model(read_document(str(PATH))["model"]), []))
    assert {each["kind"] for each in record["outputs"]}.isdisjoint({"sum", "force", "virial"})
    assert all("spins" in each["kind"] for each in record["outputs"])


@pytest.mark.parametrize(
    ("spin", "scales"),
    [
        ({"use_spin": [True, False, True], "virtual_scale": 0.3}, [0.3, 0.0, 0.3]),
        ({"use_spin": ["C", "O"], "virtual_scale": [0.1, 0.2]}, [0.1, 0.0, 0.2]),
        ({"use_spin": [2], "virtual_scale": [0.1, 0.2, 0.4]}, [0.0, 0.0, 0.4]),
        ({"use_spin": [False, True, True], "virtual_len": [0.4, 0.3], "spin_norm": [2.0, 3.0]}, [0.0, 0.2, 0.1]),
    ],
)
def test_forms_of_the_input(spin, scales):
    np.testing.assert_allclose(read_spin(spin, "model/spin", ["O", "H", "C"]).scales, scales, rtol=1e-15)


@pytest.mark.parametrize(
    ("spin", "message"),
    [
        ({"use_spin": ["Fe"], "virtual_scale": 0.3}, "model/spin/use_spin names Fe; expected some of type_map, O H C"),
        ({"use_spin": [3], "virtual_scale": 0.3}, "model/spin/use_spin names 3; expected"),
        (
            {"use_spin": ["H", "H"], "virtual_scale": 0.3},
            r"model/spin/use_spin is \['H', 'H'\]; expected each type once",
        ),
        ({"use_spin": "H", "virtual_scale": 0.3}, "model/spin/use_spin is 'H'; expected a list of integers or"),
        (
            {"use_spin": ["H", 0], "virtual_scale": 0.3},
            r"model/spin/use_spin is \['H', 0\]; expected a list of integers or",
        ),
        ({"use_spin": [], "virtual_scale": 0.3}, "model/spin/use_spin names nothing; expected"),
        ({"use_spin": [True], "virtual_scale": 0.3}, "model/spin/use_spin is a list of 1; expected 3 flags"),
        ({"use_spin": ["H"]}, "model/spin has no scale; give virtual_scale, or both virtual_len and spin_norm"),
        ({"use_spin": ["H"], "virtual_len": [0.4]}, "model/spin has virtual_len; give virtual_scale, or both"),
        ({"use_spin": ["H"], "virtual_scale": [0.3, 0.3]}, "model/spin/virtual_scale has 2 numbers; expected 3"),
        ({"use_spin": ["H"], "virtual_len": [0.4], "spin_norm": [0.0]}, "model/spin/spin_norm is .* positive"),
        ({"use_spin": ["H"], "virtual_scale": 0.0}, "model/spin/virtual_scale is 0.0; expected positive numbers"),
        ({"use_spin": [False] * 3, "virtual_scale": 0.3}, "no type has spins; leave model/spin out"),
    ],
)
def test_wrong_inputs_are_refused(model_section, spin, message):
    with pytest.raises(InputError, match=message):
        model_section(**{**SECTION, "spin": spin})


def test_another_fitting_is_refused(model_section):
    with pytest.raises(InputError, match="model/spin: models of spins give an energy; fitting_net/type is 'dipole'"):
        model_section(**SECTION | {"fitting_net": {"type": "dipole", "neuron": [4]}})


def test_labels_of_the_loss(model_section):
    section = {"type": "ener_spin", "enable_atom_ener_coeff": False, "loss_func": "mse", "intensive_ener_virial": False}
    found = label_sets({"loss": section | LOSSES["mse"]["section"], "model": model_section(**SECTION)})
    assert {("force",), ("force_mag",)} <= set(found)


def test_the_section_says_what_is_computed(model_section, caplog):
    """So that files show it, and two ways to say the same are no difference."""
    section = model_section(**SECTION)
    assert section["spin"]["use_spin"] == [True, True, False]
    assert section["descriptor"]["env_protection"] == 0.01
    assert not caplog.messages
    given = SECTION | {"descriptor": SECTION["descriptor"] | {"env_protection": 0.0}}
    assert model_section(**given)["descriptor"]["env_protection"] == 0.01
    assert caplog.messages == ["model/descriptor/env_protection is 0: with spins it is 0.01 Å, as in deepmd-kit."]
    given = SECTION | {"descriptor": SECTION["descriptor"] | {"env_protection": 0.2}}
    assert model_section(**given)["descriptor"]["env_protection"] == 0.2


def test_the_model_of_a_frame_with_virtual_atoms(model_section):
    """What deepmd-kit makes of the section."""
    tree = new_model(model_section(**SECTION), np.random.default_rng(1)).serialize()
    backbone, spin = tree["backbone_model"], tree["spin"]
    assert tree["type"] == "spin_ener"
    assert spin == {"use_spin": [True, True, False], "virtual_scale": [0.3, 0.4, 0.0]}
    assert backbone["type_map"] == ["O", "H", "C", "O_spin", "H_spin", "C_spin"]
    assert backbone["atom_exclude_types"] == [3, 4, 5]
    unseen = [[5, other] for other in range(6)]
    assert backbone["pair_exclude_types"] == [*unseen, [0, 2]]
    assert backbone["descriptor"]["exclude_types"] == unseen
    assert (backbone["descriptor"]["sel"], backbone["descriptor"]["env_protection"]) == ([4, 5, 6] * 2, 0.01)
    assert backbone["fitting"]["atom_ener"] == [-1.0, None, -2.0, None, None, None]
    assert backbone["preset_out_bias"] == {"energy": [None, -5.0, None, None, None, None]}


@pytest.mark.parametrize("xp", [np, array_api_strict], ids=["numpy", "strict"])
@pytest.mark.parametrize("name", LOSSES)
def test_loss_equals_that_of_deepmd_kit(data, name, xp):
    case = LOSSES[name]
    keys = ("energy", "force", "virial", "atom_energy", "force_mag", "mask_mag")
    prediction = {key: xp.asarray(data[f"pbc_{key}"].astype(np.float64)) for key in keys}
    label = {key.replace("atom_energy", "atom_ener"): 1.1 * each + 0.01 for key, each in prediction.items()}
    prediction["mask"] = xp.ones((2, 5, 1), dtype=xp.float64)
    neutral = {"enable_atom_ener_coeff": False, "loss_func": "mse", "intensive_ener_virial": False}
    loss = new_loss({"type": "ener_spin", **neutral, **case["section"]}, START_LR, (MAGNETIC,))
    value, metrics = loss(prediction, label, dict.fromkeys(label, True), LR)
    assert float(value) == pytest.approx(case["loss"], rel=1e-12)
    assert {key: float(each) for key, each in metrics.items()} == pytest.approx(case["metrics"], rel=1e-12)
    assert ("force_mag" in {each.key for each in loss.requirements}) == (name != "no magnetic forces")


def test_a_loss_of_spins_needs_a_model_of_spins():
    section = {"enable_atom_ener_coeff": False, "loss_func": "mse", "intensive_ener_virial": False}
    section |= LOSSES["mse"]["section"]
    with pytest.raises(InputError, match="loss/type is 'ener_spin', but the model takes no spins; add model/spin"):
        new_loss({"type": "ener_spin", **section}, START_LR, (ENERGY,))
