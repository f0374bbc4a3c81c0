# SPDX-License-Identifier: LGPL-3.0-or-later
"""The descriptor without a cut-off, of atoms that the data's mask keeps."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from conftest import load_case

from deepmd.backend.discovery import find_backend
from deepmd.data import System
from deepmd.data.batch import Batch
from deepmd.data.mask import MASK
from deepmd.data.neighbor_statistics import neighbor_statistics
from deepmd.errors import DataError, InputError
from deepmd.infer import DeepPot
from deepmd_dp.kit.trainer import BaseTrainer
from deepmd_dp.model import deserialize_model, new_model
from deepmd_dp.numpy_backend.deep_eval import NumpyDeepEval
from deepmd_dp.statistics import EnvironmentStatistics


@pytest.fixture(scope="module")
def masked():
    return load_case("mask_nopbc")


@pytest.fixture
def evaluate(masked):
    model = NumpyDeepEval(str(masked.path), native=False)

    def results(coord=masked.coord, box=None, mask=masked.parameters["aparam"]):
        return model.eval(coord, box, masked.atype, atomic=True, aparam=mask)

    return results


def test_masked_atoms_see_nobody_and_nobody_sees_them(masked, evaluate):
    mask = masked.parameters["aparam"]
    is_out = mask[..., 0] == 0
    assert is_out.any(axis=1).tolist() == [False, True, True]
    before = evaluate()
    moved = evaluate(masked.coord + 0.7 * is_out[..., None])
    for name in ("atom_energy", "force", "virial"):
        np.testing.assert_allclose(moved[name], before[name], atol=1e-12, err_msg=name)
    assert np.all(before["force"][is_out] == 0.0)
    without = evaluate(mask=np.ones_like(mask))
    np.testing.assert_array_equal(without["atom_energy"][0], before["atom_energy"][0])
    assert np.abs(without["atom_energy"] - before["atom_energy"])[1:].max() > 1e-4


def test_forces_are_the_slope_of_the_energy(masked, evaluate):
    step = 1e-5 * np.random.default_rng(2).normal(size=masked.coord.shape)
    slope = evaluate(masked.coord + step)["energy"] - evaluate(masked.coord - step)["energy"]
    expected = -2.0 * np.sum(evaluate()["force"] * step, axis=(1, 2))
    np.testing.assert_allclose(slope[:, 0], expected, rtol=1e-6)


def test_the_cell_is_not_looked_at_and_distance_does_not_end(masked, evaluate):
    inside = evaluate(box=masked.box)
    np.testing.assert_array_equal(inside["energy"], evaluate()["energy"])
    far = masked.coord.copy()
    far[:, 0] += [200.0, 0.0, 0.0]
    assert np.abs(evaluate(far)["force"][0, 0]).max() > 1e-8


def test_data_have_no_say_in_it(masked):
    statistics = EnvironmentStatistics(masked.model)
    statistics.add(Batch(masked.coord, None, masked.atype, {}, {}, system="", frames=np.arange(3)))
    matrix = statistics.apply(masked.model).descriptor.inner.two_body.matrix
    assert np.all(matrix.davg == 0.0)
    assert np.all(matrix.dstd == 1.0)
    again = deserialize_model(masked.model.serialize())
    assert again.descriptor.inner.two_body.matrix.takes_statistics is False


def test_a_mask_is_one_number_an_atom(model_section):
    net = {"type": "ener", "use_aparam_as_mask": True, "numb_aparam": 2}
    section = {"type_map": ["O", "H"], "descriptor": {"type": "se_a_mask", "sel": [4, 8]}, "fitting_net": net}
    with pytest.raises(InputError, match="numb_aparam is 2; expected 1, the mask"):
        model_section(**section)


def test_others_do_not_look_at_the_mask(masked, model_section):
    """As in deepmd-kit: then the parameters have no effect."""
    net = {"neuron": [3, 3], "use_aparam_as_mask": True, "numb_aparam": 1}
    descriptor = {"type": "se_e2_a", "sel": [14, 26], "rcut": 4.0, "neuron": [2, 4], "axis_neuron": 2}
    section = model_section(type_map=["O", "H"], descriptor=descriptor, fitting_net=net)
    model = new_model(section, np.random.default_rng(0))
    mask = masked.parameters["aparam"]
    energies = [masked.energy(model=model, parameters={"fparam": None, "aparam": each}) for each in (mask, 1.0 - mask)]
    np.testing.assert_array_equal(*energies)


def test_atoms_that_fill_up_have_no_part_in_descriptors(masked, tmp_path):
    """Whatever stands in their places."""
    mask = masked.parameters["aparam"]
    moved = masked.coord + 0.7 * (mask == 0)
    pot = DeepPot(masked.path)
    before, after = (pot.eval_descriptor(each, None, masked.atype[0], aparam=mask) for each in (masked.coord, moved))
    np.testing.assert_array_equal(after, before)
    assert np.abs(pot.eval_descriptor(masked.coord, None, masked.atype[0], aparam=0 * mask + 1) - before).max() > 1e-6


def test_other_numbers_than_0_and_1_are_no_mask(masked, model_section):
    mask = np.where(np.arange(masked.atype.shape[1]) == 2, 0.5, masked.parameters["aparam"][..., 0])[..., None]
    message = r"aparam of frame 0 has 0\.5 for atom 2, and is the model's mask; expected 1 for an atom that is there"
    with pytest.raises(InputError, match=message):
        DeepPot(masked.path).eval(masked.coord, None, masked.atype[0], aparam=mask)
    batch = Batch(masked.coord, None, masked.atype, {"aparam": mask}, {}, system="here", frames=np.arange(3))
    with pytest.raises(DataError, match=f"system here: {message}"):
        BaseTrainer.prepare(SimpleNamespace(_numpy_model=masked.model), batch)


def test_atoms_that_fill_up_are_nobodys_neighbors_in_statistics(masked, tmp_path):
    """They may all stand at one place, and cells are not looked at."""
    mask = masked.parameters["aparam"]
    coord = np.where(mask > 0, masked.coord, 0.0)
    folder = tmp_path / "data" / "set.000"
    folder.mkdir(parents=True)
    for name, values in (("coord", coord), ("box", np.tile(np.eye(3), (3, 1, 1))), ("aparam", mask)):
        np.save(folder / f"{name}.npy", values.reshape(3, -1))
    np.savetxt(folder.parent / "type.raw", masked.atype[0], fmt="%d")
    system = System(str(folder.parent), ["O", "H"], [MASK])
    found = neighbor_statistics([system], 1e3, 2, find_backend("dp").neighbor_stat, masked=True)
    there = [each[kept[:, 0] > 0] for each, kept in zip(coord, mask, strict=True)]
    distances = [np.linalg.norm(each[:, None] - each, axis=-1) for each in there]
    smallest = min(each[~np.eye(len(each), dtype=bool)].min() for each in distances)
    np.testing.assert_allclose(found.min_distance, smallest, rtol=1e-12)
