# SPDX-License-Identifier: LGPL-3.0-or-later
"""What `dp check-data` finds in data with one mistake each, and that it finds nothing in good ones."""

from __future__ import annotations

import json
import logging
import re

import morse
import numpy as np
import pytest
from harmonic import NAMES, thermal_water
from toy_data import write_system

from deepmd.check import data as checks
from deepmd.check.virials import Virials
from deepmd.data import Batch
from deepmd.data.mask import MASK
from deepmd.elements import COVALENT_RADII
from deepmd.entrypoints import check_data
from deepmd.entrypoints.check_data import run_checks
from deepmd.errors import DataError, InputError
from deepmd.main import parse_args, run

BOHR, HARTREE, KJ, KCAL = 0.529177, 27.2114, 1 / 96.485, 1 / 23.0605


@pytest.fixture(autouse=True)
def backend(monkeypatch):
    """One that searches neighbors, by brute force: up to a small cut-off."""
    morse.install(monkeypatch)
    monkeypatch.setattr(check_data, "RCUT", 2.9)


def write(folder, scale=None, *, nmolecules=8, nframes=40, seed=0, amplitude=0.03, shuffle=False, **replaced):
    """A system of water; ``scale`` multiplies some of its arrays."""
    frames, types = thermal_water(nframes, nmolecules, seed, amplitude)
    if shuffle:
        # no frame is near the next: each is shifted by a place of the grid
        shift = np.random.default_rng(seed).integers(0, 2, (nframes, 1, 3)) * 3.5
        frames["coord"] = (frames["coord"].reshape(nframes, -1, 3) + shift).reshape(nframes, -1)
    frames = {key: array * (scale or {}).get(key, 1.0) for key, array in frames.items()}
    write_system(folder, types, nframes, **{"names": NAMES} | frames | replaced)
    return str(folder)


def kinds(*paths):
    return [finding.kind for finding in run_checks(paths)]


def the_message(*paths):
    (finding,) = run_checks(paths)
    return finding.message


@pytest.mark.parametrize("shuffle", [False, True], ids=["near frames", "far frames"])
@pytest.mark.parametrize("nmolecules", [1, 8])
def test_good_data_get_no_warning(tmp_path, nmolecules, shuffle):
    paths = [write(tmp_path / str(seed), seed=seed, nmolecules=nmolecules, shuffle=shuffle) for seed in range(3)]
    assert not run_checks(paths)


FAULTS = {
    "nm": ({"coord": 0.1, "box": 0.1}, "distances", "in nm"),
    "bohr": ({"coord": 1 / BOHR, "box": 1 / BOHR}, "distances", "in bohr"),
    "parts of the cell": ({"coord": 1 / 7.0}, "distances", "parts of the cell"),
    "gradients": ({"force": -1}, "sign", "wrong sign"),
    "energies in kJ": ({"energy": 1 / KJ}, "forces", "energies in kJ/mol"),
    "energies in kcal": ({"energy": 1 / KCAL}, "forces", "energies in kcal/mol"),
    "energies in Hartree": ({"energy": 1 / HARTREE}, "forces", "energies in Hartree"),
    "energies of an atom": ({"energy": 1 / 24}, "forces", "energies of an atom"),
    "forces in kcal": ({"force": 1 / KCAL}, "forces", "in kcal/mol/Å"),
    "forces in kJ": ({"force": 1 / KJ}, "forces", "in kJ/mol/Å"),
    "forces in kJ/nm": ({"force": 10 / KJ}, "forces", "in kJ/mol/nm"),
    "forces in Hartree": ({"force": BOHR / HARTREE}, "forces", "in Hartree/bohr"),
    "no forces": ({"force": 0}, "forces", "are 0: they were not read"),
    "no energies": ({"energy": 0}, "energies", "all energies are 0"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_units_and_signs_by_near_frames(tmp_path, fault):
    scale, kind, cause = FAULTS[fault]
    (finding,) = run_checks([write(tmp_path / "a", scale)])
    assert finding.kind == kind
    assert cause in finding.message
    assert not finding.is_error


@pytest.mark.parametrize(
    ("scale", "cause"),
    [({"force": -1}, "wrong sign"), ({"energy": 1 / HARTREE}, "in Hartree"), ({"energy": 1 / 24}, "of an atom")],
)
def test_signs_and_units_without_near_frames(tmp_path, scale, cause):
    assert cause in the_message(write(tmp_path / "a", scale, shuffle=True))


def test_a_perfect_lattice_has_no_forces(tmp_path):
    scale = np.linspace(0.9, 1.02, 7)[:, None]
    coord = scale * (4.0 * np.array([0, 0, 0, 0, 0.5, 0.5, 0.5, 0, 0.5, 0.5, 0.5, 0]))
    box, energy = scale * (4.0 * np.eye(3)).ravel(), -14.0 + 20 * (scale - 1) ** 2
    frames = {"coord": coord, "box": box, "energy": energy, "force": np.zeros_like(coord)}
    write_system(tmp_path / "a", [0] * 4, 7, names=["Al"], **frames)
    assert not run_checks([str(tmp_path / "a")])


def test_energies_below_those_of_all_electrons(tmp_path):
    frames, _ = thermal_water(seed=0)
    total = frames["energy"] - 8 * 455.0
    good = write(tmp_path / "good", energy=total)
    assert not run_checks([good])
    found = run_checks([write(tmp_path / "kJ", energy=total / KJ)])
    assert "below that of all electrons" in found[0].message


def test_energies_of_another_method(tmp_path):
    other = write(tmp_path / "b", seed=1, energy=thermal_water(seed=1)[0]["energy"] - 8 * 455.0)
    message = the_message(write(tmp_path / "a", seed=0), other)
    assert "80 of 80 energies" in message
    assert "eV/atom off a fit by composition" in message


def test_a_calculation_that_failed(tmp_path):
    frames, _ = thermal_water()
    frames["energy"][7] += 1000.0
    frames["force"][7, 3] = 900.0
    found = run_checks([write(tmp_path / "a", energy=frames["energy"], force=frames["force"])])
    assert any("1 of 40 energies" in each.message and "in frame 7 of" in each.message for each in found)
    assert any("1 frame(s) have forces above 300 eV/Å" in each.message for each in found)


def test_a_frame_that_is_broken(tmp_path):
    coord = thermal_water()[0]["coord"].copy()
    coord[5, 3:6] = coord[5, :3] + [0.2, 0, 0]
    message = the_message(write(tmp_path / "a", coord=coord, force=None))
    assert "O and H come as near as 0.2 Å" in message or "H and O come as near as 0.2 Å" in message
    assert "frame 5" in message
    assert "1 of 40 frames" in message


def test_atoms_at_the_same_place(tmp_path):
    coord = thermal_water()[0]["coord"].copy()
    coord[:, -3:] = coord[:, -6:-3] + 1e-5
    assert "40 frames" in the_message(write(tmp_path / "a", coord=coord, force=None))
    assert kinds(str(tmp_path / "a")) == ["overlap"]


def test_frames_without_neighbors(tmp_path):
    far = np.tile([0.0, 0, 0, 30, 0, 0], (2, 1))
    path = write(tmp_path / "a", nmolecules=1, box=None, pbc=False)
    write_system(tmp_path / "b", [0, 1], 2, pbc=False, coord=far)
    assert "no two atoms within 2.9 Å" in the_message(path, str(tmp_path / "b"))
    # a lone atom is there for its energy
    write_system(tmp_path / "c", [0], 1, pbc=False, coord=np.zeros((1, 3)), force=None, energy=np.array([[-10.0]]))
    assert kinds(path, str(tmp_path / "c")) == ["labels"]


def test_duplicates_in_training_and_validation(tmp_path):
    training = [write(tmp_path / "a"), write(tmp_path / "b", seed=1)]
    input_file = tmp_path / "input.json"

    def check(validation):
        sections = {"training_data": {"systems": training}, "validation_data": {"systems": str(validation)}}
        input_file.write_text(json.dumps({"model": {"type_map": NAMES}, "training": sections}))
        return run_checks([str(input_file)])

    assert not check(write(tmp_path / "c", seed=2))
    frames, types = thermal_water()
    some = {key: array[3:23] for key, array in frames.items()}
    for name, energy in (("labelled", some["energy"]), ("bare", None)):
        write_system(tmp_path / name, types, 20, **some | {"energy": energy})
        (finding,) = check(tmp_path / name)
        assert "20 of 20 frames of the validation data are in the training data too" in finding.message
        assert f"frame 0 of {tmp_path / name} is frame 3 of {training[0]}" in finding.message


def a_solid(name, factor, expansion, energy, nframes=20):
    """Frames of 32 atoms around 10 Å³ per atom with a bulk modulus of 1 eV/Å³, hot in different degrees."""
    rng = np.random.default_rng(1)
    heat = 0.4 * rng.random(nframes)  # [eV/atom]
    strain = 0.02 * rng.standard_normal(nframes) + expansion * heat
    volume = 320.0 * np.exp(strain)
    pressure = -strain + 2.0 * heat / 10.0  # by Grüneisen
    labels = {
        "energy": (32 * (energy + 5.0 * strain**2 + heat))[:, None],
        "virial": factor * (pressure * volume)[:, None] * np.eye(3).reshape(1, 9),
    }
    box = np.cbrt(volume)[:, None, None] * np.eye(3)
    types = np.zeros((nframes, 32), dtype=int)
    return Batch(np.zeros((nframes, 32, 3)), box, types, labels, dict.fromkeys(labels, True), name)


@pytest.mark.parametrize("expansion", [0.0, 0.1], ids=["any volume", "hot frames are larger"])
@pytest.mark.parametrize(
    ("factor", "kind", "said"),
    [
        (1.0, None, None),
        (-1.0, "sign", "the virials probably have the wrong sign"),
        (160.2, "virials", "in GPa"),
        (1602.0, "virials", "in kbar"),
    ],
)
def test_virials_beside_volumes(factor, kind, said, expansion):
    virials = Virials()
    for part in range(2):
        virials.add(a_solid(f"solid{part}", factor, expansion, -1e5 * part))
    found = list(virials.findings())
    assert [each.kind for each in found] == ([kind] if kind else [])
    assert not found or (said in found[0].message and "2 of 2 systems" in found[0].message)


def test_virials_of_one_volume_tell_by_their_size_only(tmp_path):
    virial = np.random.default_rng(0).standard_normal((40, 9))
    good, wrong = (write(tmp_path / str(size), virial=size * virial) for size in (24, 24_000))
    assert not kinds(good)
    assert "their rms is" in the_message(wrong)


def test_mixed_boundaries(tmp_path):
    paths = [write(tmp_path / "a"), write(tmp_path / "b", seed=1, box=None, pbc=False)]
    assert "1 of 2 systems have open boundaries" in the_message(*paths)


def test_names_that_are_missing(tmp_path):
    assert "have no type_map.raw" in the_message(write(tmp_path / "a", names=None))


def test_labels_that_are_missing(tmp_path):
    good = write(tmp_path / "a")
    assert "1 of 2 systems have no force" in the_message(good, write(tmp_path / "b", seed=1, force=None))
    assert "have no labels" in the_message(good, write(tmp_path / "c", seed=1, energy=None, force=None))
    # all without forces: as it is meant
    assert not run_checks([str(tmp_path / "b")])


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("spin", np.ones((40, 5)), r"spin.npy: shape \(40, 5\), expected \(40, 72\)"),
        ("spin", np.full((40, 72), 1e30), r"spin.npy: frame 0 holds 1e\+30"),
        ("hessian", np.ones((40, 72)), r"hessian.npy: shape \(40, 72\), expected \(40, 5184\)"),
        ("charge_spin", np.ones((40, 3)), r"charge_spin.npy: shape \(40, 3\), expected \(40, 2\)"),
        ("charge_spin", np.full((40, 2), 0.5), "charge_spin of frame 0 holds the charge 0.5"),
        ("numb_copy", np.full((40, 1), 0.5), "numb_copy: frame 0 has 0.5"),
    ],
)
def test_what_frames_have_beside_labels(tmp_path, name, array, message):
    (finding,) = run_checks([write(tmp_path / "data", **{name: array})])
    assert finding.is_error
    assert re.search(message, finding.message)


def test_parameters_are_those_of_the_input():
    nets = {"models": [{"fitting_net": {"numb_fparam": 2, "numb_aparam": 0}}, {"fitting_net": {"numb_fparam": 0}}]}
    (fparam,) = check_data._parameters(nets)
    assert (fparam.key, fparam.ndof, fparam.atomic) == ("fparam", 2, False)
    masked = {"fitting_net": {"numb_aparam": 1, "use_aparam_as_mask": True}}
    assert check_data._parameters(masked) == [MASK]


def test_an_input_that_is_wrong_does_not_hide_its_data(tmp_path, caplog):
    data = write(tmp_path / "a", {"force": -1})
    input_file = tmp_path / "input.yaml"
    input_file.write_text(f"model: {{descriptor: {{rcut: 2.9}}}}\ntraining: {{training_data: {{systems: {data}}}}}\n")
    assert kinds(str(input_file)) == ["sign"]
    assert "input.yaml can't be trained with, so that the labels of its loss are not looked at" in caplog.text


def test_the_labels_that_an_input_weighs(tmp_path, monkeypatch):
    data = write(tmp_path / "a", force=None)
    input_file = tmp_path / "input.yaml"
    text = f"model: {{type_map: [O, H], descriptor: {{rcut: 2.9}}}}\ntraining: {{training_data: {{systems: {data}}}}}\n"
    input_file.write_text(text)
    complete = {"model": {}, "loss": {}}
    monkeypatch.setattr(check_data, "normalize", lambda config: complete)
    monkeypatch.setattr(check_data, "label_sets", lambda config: (("energy",), ("force", "atom_pref"), ("virial",)))
    force, virial = run_checks([str(input_file)])
    assert (force.is_error, virial.is_error) == (True, False)
    assert "the loss weighs force and atom_pref (or atomic_pref), and no system has it: add the files" in force.message
    monkeypatch.setattr(check_data, "label_sets", lambda config: (("energy",),))
    assert not run_checks([str(input_file)])
    input_file.write_text(text.replace("[O, H]", "[O, C]"))
    assert "has H, which model/type_map (O C) lacks" in the_message(str(input_file))


def test_systems_that_cannot_be_read_are_told_beside_others(tmp_path):
    good = write(tmp_path / "a", {"force": -1})
    broken = write(tmp_path / "b")
    np.save(tmp_path / "b" / "set.000" / "energy.npy", np.full((40, 1), np.nan))
    found = run_checks([good, broken])
    assert [(each.kind, each.is_error) for each in found] == [("damage", True), ("sign", False)]


def test_the_command(tmp_path, caplog):
    good, wrong = write(tmp_path / "a"), write(tmp_path / "b", {"force": -1}, seed=1)
    caplog.set_level(logging.INFO)
    run(parse_args(["check-data", good, "--strict"]))
    assert caplog.messages[0] == "1 system(s), 40 frames, 1 composition(s), periodic."
    assert caplog.messages[1] == "labels: energy, force."
    assert caplog.messages[2].startswith("shortest distances [Å]: H-O 0.8")
    assert caplog.messages[-1] == "nothing to complain of."
    run(parse_args(["check-data", wrong]))
    assert caplog.messages[-1] == "1 warning(s)."
    with pytest.raises(DataError, match=r"1 thing\(s\) to mend in the data, by --strict"):
        run(parse_args(["check-data", good, wrong, "--strict"]))


def test_only_some_frames_of_many_are_looked_at(tmp_path, monkeypatch):
    path = write(tmp_path / "a", {"force": -1}, nframes=200)
    monkeypatch.setattr(checks, "MOST_ATOMS", 24 * 40)
    assert checks._blocks(200, 0.2).tolist() == [*range(16), *range(184, 200)]
    assert kinds(path) == ["sign"]


def test_radii_are_those_of_the_table():
    data = pytest.importorskip("ase.data")
    radii = {name: data.covalent_radii[data.atomic_numbers[name]] for name in COVALENT_RADII}
    assert radii == COVALENT_RADII


def test_nothing_to_check(tmp_path):
    with pytest.raises(DataError, match="there is no system"):
        run_checks([str(tmp_path / "none")])
    (tmp_path / "input.json").write_text('{"model": {}, "training": {"data_dict": {}}}')
    with pytest.raises(InputError, match="no training/training_data/systems to check"):
        run_checks([str(tmp_path / "input.json")])
