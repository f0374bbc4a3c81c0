# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp test`: errors, printed lines, detail files, the choice of systems and frames, the picture."""

from __future__ import annotations

import json
import logging
import re
import sys

import numpy as np
import pytest
from morse import MorseEval, install, make_frames, write_model, write_system

from deepmd.data import Batch
from deepmd.entrypoints.test import run_test
from deepmd.errors import DataError, InputError
from deepmd.infer import DeepPot
from deepmd.infer.comparison import EnergyComparison
from deepmd.infer.quantities import Error, Pair, add_errors
from deepmd.main import parse_args, run

COORD, CELL, ATYPE = make_frames(nframes=5)
NATOMS = len(ATYPE)
NOISE = 0.02


@pytest.fixture
def file(monkeypatch, tmp_path):
    install(monkeypatch)
    return write_model(tmp_path / "water.morse")


@pytest.fixture
def dp(file):
    return DeepPot(file)


@pytest.fixture
def labels(dp, tmp_path):
    """The labels of a periodic system `a` and an open system `b` with four of the frames."""
    a = write_system(tmp_path / "data" / "a", dp, COORD, CELL, ATYPE, noise=NOISE)
    b = write_system(tmp_path / "data" / "b", dp, COORD[:4], None, ATYPE, noise=NOISE, seed=5)
    return a, b


@pytest.fixture
def command(caplog, file):
    """Runs `dp test` and gives the printed lines."""
    caplog.set_level(logging.INFO)

    def call(*args):
        run(parse_args(["test", "-m", file, *map(str, args)]))
        return caplog.messages

    return call


def errors_of(lines):
    """The numbers in lines like ``Force  MAE         : 1e-2 eV/Å``, by title."""
    found = {}
    for line in lines:
        title, colon, rest = line.partition(":")
        if colon and not line.startswith("#"):
            found[" ".join(title.split())] = float(rest.split()[0])
    return found


def test_lines_are_deepmd_kits(command, labels, tmp_path):
    lines = command("-s", tmp_path / "data" / "a")
    numbers = r"\d\.\d{6}e[+-]\d\d"
    assert lines[:3] == [
        "# ---------------output of dp test--------------- ",
        f"# testing system : {tmp_path / 'data' / 'a'}",
        "# number of test data : 5 ",
    ]
    titles = [line.rsplit(":", 1)[0] for line in lines[3:15]]
    assert titles == [
        "Energy MAE         ",
        "Energy RMSE        ",
        "Energy MAE/Natoms  ",
        "Energy RMSE/Natoms ",
        "Force  MAE         ",
        "Force  RMSE        ",
        "Virial MAE         ",
        "Virial RMSE        ",
        "Virial MAE/Natoms  ",
        "Virial RMSE/Natoms ",
        "Stress MAE         ",
        "Stress RMSE        ",
    ]
    units = ["eV"] * 4 + ["eV/Å"] * 2 + ["eV"] * 4 + ["eV/Å³"] * 2
    for line, unit in zip(lines[3:15], units, strict=True):
        assert re.fullmatch(rf".*: {numbers} {unit}", line)
    assert lines[15:18] == [
        "# ----------------------------------------------- ",
        "# ----------weighted average of errors----------- ",
        "# number of systems : 1",
    ]
    assert lines[18:30] == lines[3:15]


def test_errors_of_a_system(dp, file, labels, tmp_path):
    found = run_test(model=file, systems=[str(tmp_path / "data" / "a")])
    energy, force, virial = dp.eval(COORD, CELL, ATYPE)
    volume = np.linalg.det(CELL)[:, None]
    differences = {
        "e": energy - labels[0]["energy"],
        "ea": (energy - labels[0]["energy"]) / NATOMS,
        "f": force - labels[0]["force"],
        "v": virial - labels[0]["virial"],
        "va": (virial - labels[0]["virial"]) / NATOMS,
        "s": (virial - labels[0]["virial"]) / volume,
        "f_O": (force - labels[0]["force"])[:, ATYPE == 0],
        "f_H": (force - labels[0]["force"])[:, ATYPE == 1],
    }
    assert set(found) == {f"{kind}_{key}" for kind in ("mae", "rmse") for key in differences}
    for key, difference in differences.items():
        assert found[f"mae_{key}"] == pytest.approx(np.abs(difference).mean())
        assert found[f"rmse_{key}"] == pytest.approx(np.sqrt((difference**2).mean()))
    assert 0.5 * NOISE < found["rmse_f"] < 2 * NOISE


def test_systems_are_averaged_by_their_numbers_of_values(dp, file, labels, tmp_path):
    systems = [str(tmp_path / "data" / name) for name in "ab"]
    total = run_test(model=file, systems=systems)
    difference = [
        dp.eval(COORD, CELL, ATYPE)[1] - labels[0]["force"],
        dp.eval(COORD[:4], None, ATYPE)[1] - labels[1]["force"],
    ]
    assert total["rmse_f"] == pytest.approx(np.sqrt((np.concatenate(difference) ** 2).mean()))
    # virials of open systems are not compared
    assert total["rmse_v"] == run_test(model=file, systems=systems[:1])["rmse_v"]


def test_splitting_into_batches_changes_nothing(file, labels, tmp_path, monkeypatch):
    systems = [str(tmp_path / "data" / "a")]
    at_once = run_test(model=file, systems=systems)
    monkeypatch.setattr("deepmd.infer.systems.ATOMS_READ_AT_ONCE", 2 * NATOMS)
    assert run_test(model=file, systems=systems) == pytest.approx(at_once, rel=1e-12)


def test_atomic_energies(dp, file, tmp_path):
    labels = write_system(tmp_path / "a", dp, COORD, CELL, ATYPE, noise=NOISE, keys=("energy", "atom_ener"))
    found = run_test(model=file, systems=[str(tmp_path / "a")], atomic=True)
    difference = dp.eval(COORD, CELL, ATYPE, atomic=True)[3] - labels["atom_ener"]
    assert found["rmse_ae"] == pytest.approx(np.sqrt((difference**2).mean()))


def test_atomic_energies_must_be_there(command, labels, tmp_path):
    with pytest.raises(DataError, match=r"atom_ener.npy \(or atomic_ener\) is missing"):
        command("-s", tmp_path / "data", "-a")


def test_weighted_forces(dp, command, tmp_path):
    weight = np.where(ATYPE == 0, 2.0, 0.0)
    pref = np.tile(weight, (len(COORD), 1))
    labels = write_system(tmp_path / "a", dp, COORD, CELL, ATYPE, noise=NOISE, atom_pref=pref)
    found = errors_of(command("-s", tmp_path / "a"))
    difference = (dp.eval(COORD, CELL, ATYPE)[1] - labels["force"])[:, ATYPE == 0]
    assert found["Force weighted MAE"] == pytest.approx(np.abs(difference).mean(), rel=1e-6)
    assert found["Force weighted RMSE"] == pytest.approx(np.sqrt((difference**2).mean()), rel=1e-6)


def test_parameters_come_from_the_data(file, tmp_path):
    model = write_model(tmp_path / "parameters.morse", dim_fparam=1, dim_aparam=1)
    rng = np.random.default_rng(4)
    parameters = {"fparam": rng.random((5, 1)), "aparam": rng.random((5, NATOMS, 1))}
    write_system(tmp_path / "a", DeepPot(model), COORD, CELL, ATYPE, **parameters)
    assert run_test(model=model, systems=[str(tmp_path / "a")])["mae_e"] == 0
    (tmp_path / "a" / "set.000" / "fparam.npy").unlink()
    with pytest.raises(DataError, match=r"fparam.npy is missing"):
        run_test(model=model, systems=[str(tmp_path / "a")])


def test_mixed_types_with_virtual_atoms(dp, file, labels, tmp_path):
    """A padded copy of the system gives the same errors: virtual atoms do not count."""
    folder = tmp_path / "mixed" / "set.000"
    folder.mkdir(parents=True)
    (folder.parent / "type.raw").write_text("0\n" * (NATOMS + 2))
    (folder.parent / "type_map.raw").write_text("H\nO\n")
    np.save(folder / "real_atom_types.npy", np.tile([*(1 - ATYPE), -1, -1], (5, 1)))
    np.save(folder / "coord.npy", np.pad(COORD, ((0, 0), (0, 2), (0, 0))).reshape(5, -1))
    np.save(folder / "box.npy", CELL.reshape(5, 9))
    np.save(folder / "energy.npy", labels[0]["energy"])
    np.save(folder / "force.npy", np.pad(labels[0]["force"], ((0, 0), (0, 2), (0, 0))).reshape(5, -1))
    np.save(folder / "virial.npy", labels[0]["virial"])
    mixed = run_test(model=file, systems=[str(folder.parent)])
    assert mixed == pytest.approx(run_test(model=file, systems=[str(tmp_path / "data" / "a")]))


def test_detail_files(dp, command, labels, tmp_path):
    prefix = tmp_path / "detail.v1"
    command("-s", tmp_path / "data", "-d", prefix)
    name = tmp_path / "data" / "a"
    predicted = [dp.eval(COORD, CELL, ATYPE), dp.eval(COORD[:4], None, ATYPE)]
    energy = np.vstack([np.hstack([label["energy"], p[0]]) for label, p in zip(labels, predicted, strict=True)])
    force = np.vstack(
        [np.hstack([x["force"].reshape(-1, 3), p[1].reshape(-1, 3)]) for x, p in zip(labels, predicted, strict=True)]
    )
    virial = np.hstack([labels[0]["virial"], predicted[0][2]])
    volume = np.linalg.det(CELL)[:, None]
    tensor = [i + j for i in "xyz" for j in "xyz"]
    expected = {
        "e": (energy, ["e"], ""),
        "e_peratom": (energy / NATOMS, ["e"], ""),
        "f": (force, ["fx", "fy", "fz"], ""),
        "v": (virial, [f"v{ij}" for ij in tensor], ""),
        "v_peratom": (virial / NATOMS, [f"v{ij}" for ij in tensor], ""),
        "s": (-virial / volume, [f"s{ij}" for ij in tensor], " (eV/Å³)"),
    }
    assert {path.name for path in tmp_path.glob("detail*")} == {f"detail.v1.{key}.out" for key in expected}
    for key, (values, columns, unit) in expected.items():
        path = tmp_path / f"detail.v1.{key}.out"
        titles = " ".join([f"data_{column}" for column in columns] + [f"pred_{column}" for column in columns])
        lines = path.read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if line.startswith("#")] == [f"# {name}{unit}: {titles}"]
        np.testing.assert_allclose(np.loadtxt(path), values, rtol=1e-12)


def test_no_detail_files_of_a_test_that_fails(command, labels, tmp_path):
    np.save(tmp_path / "data" / "b" / "set.000" / "force.npy", np.full((4, NATOMS * 3), np.nan))
    with pytest.raises(DataError, match=r"force.npy: frame 0 holds nan"):
        command("-s", tmp_path / "data", "-d", tmp_path / "detail")
    assert not list(tmp_path.glob("*detail*"))


def test_number_of_frames(dp, command, labels, tmp_path):
    lines = command("-s", tmp_path / "data" / "a", "-n", 2)
    assert "# number of test data : 2 " in lines
    difference = dp.eval(COORD[:2], CELL[:2], ATYPE)[0] - labels[0]["energy"][:2]
    assert errors_of(lines)["Energy MAE"] == pytest.approx(np.abs(difference).mean(), rel=1e-6)
    with pytest.raises(InputError, match="--numb-test is -1"):
        command("-s", tmp_path / "data" / "a", "-n", -1)


def test_shuffled_frames(file, labels, tmp_path):
    options = {"model": file, "systems": [str(tmp_path / "data" / "a")]}
    plain = run_test(**options)
    shuffled = run_test(**options, shuffle_test=True, rand_seed=1)
    assert shuffled == pytest.approx(plain)
    some = [run_test(**options, shuffle_test=True, rand_seed=seed, numb_test=2)["mae_e"] for seed in (1, 1, 2, 3, 4)]
    assert some[0] == some[1]
    assert len(set(some)) > 1


def test_list_of_systems(command, labels, tmp_path):
    listed = tmp_path / "systems.txt"
    listed.write_text(f"{tmp_path / 'data' / 'b'}\n\n")
    lines = command("-f", listed)
    assert f"# testing system : {tmp_path / 'data' / 'b'}" in lines
    assert "# number of systems : 1" in lines
    listed.write_text("\n")
    with pytest.raises(InputError, match=r"systems.txt is empty"):
        command("-f", listed)
    with pytest.raises(InputError, match="cannot be read"):
        command("-f", tmp_path / "nowhere.txt")


@pytest.mark.parametrize(("flag", "system"), [("--train-data", "a"), ("--valid-data", "b")])
def test_systems_of_an_input_file(command, labels, tmp_path, monkeypatch, flag, system):
    """Relative names start at the input file's folder, wherever the command runs."""
    sections = {"training_data": {"systems": ["data/a"]}, "validation_data": {"systems": "data/b"}}
    (tmp_path / "input.json").write_text(json.dumps({"training": sections}))
    monkeypatch.chdir(tmp_path.parent)
    lines = command(flag, tmp_path / "input.json")
    assert f"# testing system : {tmp_path / 'data' / system}" in lines
    assert "# number of systems : 1" in lines


def test_input_file_without_validation_data(command, labels, tmp_path):
    (tmp_path / "input.json").write_text(json.dumps({"training": {"training_data": {"systems": "data"}}}))
    with pytest.raises(InputError, match="no training/validation_data/systems"):
        command("--valid-data", tmp_path / "input.json")


def test_data_without_labels(dp, command, tmp_path):
    write_system(tmp_path / "a", dp, COORD, CELL, ATYPE, keys=())
    with pytest.raises(InputError, match="no system has labels to compare with: energy, force or virial"):
        command("-s", tmp_path / "a")


def test_picture(command, labels, tmp_path):
    image = pytest.importorskip("matplotlib.image")
    command("-s", tmp_path / "data", "--plot", tmp_path / "parity.png")
    height, width, _ = image.imread(tmp_path / "parity.png").shape
    assert 2 * height < width < 3 * height


def test_picture_without_matplotlib(command, labels, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.backend_bases", None)
    with pytest.raises(InputError, match=r"pip install 'deepmd-core\[plot\]'"):
        command("-s", tmp_path / "data", "--plot", tmp_path / "parity.png")


def test_picture_of_unknown_format(command, labels, tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(InputError, match="the ending must be one of"):
        command("-s", tmp_path / "data", "--plot", tmp_path / "parity.doc")


def test_errors_add_up_exactly():
    rng = np.random.default_rng(6)
    label, prediction = rng.random((2, 10, 3))
    weight = rng.integers(0, 3, (10, 3)).astype(float)
    parts = [{"f": Error.of(Pair(label[s], prediction[s], weight[s]))} for s in (slice(0, 3), slice(3, 10))]
    total = add_errors(parts)["f"]
    difference = prediction - label
    assert total.mae == pytest.approx(np.average(np.abs(difference), weights=weight))
    assert total.rmse == pytest.approx(np.sqrt(np.average(difference**2, weights=weight)))
    assert (Error().mae, Error().rmse) == (0.0, 0.0)


def test_hessians_of_a_model_that_was_trained_on_them(monkeypatch, tmp_path, caplog):
    """A number a row, matrices of frames row by row; others have none."""
    caplog.set_level(logging.INFO)
    install(monkeypatch)
    size, folder = 3 * NATOMS, str(tmp_path / "data")

    def eval_hessian(self, coords, *_, **__):
        return np.full((len(coords), size, size), 2.0)

    monkeypatch.setattr(MorseEval, "eval_hessian", eval_hessian)
    trained, plain = write_model(tmp_path / "trained.morse", hessian_mode=True), write_model(tmp_path / "plain.morse")
    write_system(tmp_path / "data", DeepPot(plain), COORD[:2], CELL[:2], ATYPE)
    np.save(tmp_path / "data" / "set.000" / "hessian.npy", np.full((2, size * size), 2.5))
    errors = run_test(model=trained, systems=[folder], detail_file=str(tmp_path / "detail"))
    assert (errors["mae_h"], errors["rmse_h"]) == (0.5, 0.5)
    assert "Hessian RMSE       : 5.000000e-01 eV/Å²" in caplog.messages
    assert (tmp_path / "detail.h.out").read_text().startswith(f"# {folder}: data_h pred_h\n")
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "detail.h.out"), np.tile([2.5, 2.0], (2 * size * size, 1)))
    assert "rmse_h" not in run_test(model=plain, systems=[folder])


def test_hessians_of_frames_with_virtual_atoms():
    """Those of virtual atoms are left out."""
    atype, matrix = np.array([[0, -1, 1]]), np.arange(81.0).reshape(9, 9)
    found = dict.fromkeys(("energy", "force", "virial"), False)
    batch = Batch(np.zeros((1, 3, 3)), None, atype, {"hessian": matrix.reshape(1, 3, 27)}, found)
    pair = EnergyComparison(False, ["O", "H"], has_hessian=True).pair_up(batch, {"hessian": np.zeros((1, 9, 9))})
    real = np.array([0, 1, 2, 6, 7, 8])
    np.testing.assert_array_equal(pair["hessian"].label[:, 0], matrix[np.ix_(real, real)].ravel())
