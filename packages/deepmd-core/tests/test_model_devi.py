# SPDX-License-Identifier: LGPL-3.0-or-later
"""Model deviation: deepmd-kit's figures and file, virtual atoms, the command."""

from __future__ import annotations

import logging

import bonds
import numpy as np
import pytest
from morse import install, make_frames, write_model, write_system

from deepmd.errors import DataError, InputError
from deepmd.infer import (
    DeepPot,
    calc_model_devi,
    calc_model_devi_e,
    calc_model_devi_f,
    calc_model_devi_v,
    make_model_devi,
    write_model_devi_out,
)
from deepmd.main import parse_args, run

COORD, CELL, ATYPE = make_frames()
NATOMS = len(ATYPE)


def wave(*shape, function=np.sin):
    return function(np.arange(np.prod(shape)) ** 2 + 1.0).reshape(shape)


FORCES, REAL_F = wave(3, 1, 2, 3), np.cos(wave(1, 2, 3))
VIRIALS, REAL_V = wave(3, 1, 9), np.cos(wave(1, 9))
ENERGIES, REAL_E = wave(3, 1, 1), np.cos(wave(1, 1))


# what deepmd-kit 3.2.0 gives for these arrays: max, min, avg, then the two atoms
@pytest.mark.parametrize(
    ("real", "relative", "expected"),
    [
        (
            None,
            None,
            [1.1503200873998227, 0.7067663389446683, 0.9285432131722455, 1.1503200873998227, 0.7067663389446683],
        ),
        (
            REAL_F,
            None,
            [1.5379760687976805, 1.3136473871532104, 1.4258117279754454, 1.3136473871532104, 1.5379760687976805],
        ),
        (None, 0.4, [1.343946677045413, 0.5905983691931008, 0.9672725231192569, 1.343946677045413, 0.5905983691931008]),
        (
            REAL_F,
            0.4,
            [0.9276112955534729, 0.891812889675658, 0.9097120926145654, 0.891812889675658, 0.9276112955534729],
        ),
    ],
)
def test_force_deviation_is_deepmd_kits(real, relative, expected):
    found = calc_model_devi_f(FORCES, real, relative, atomic=True)
    np.testing.assert_allclose(np.concatenate([part.ravel() for part in found]), expected, rtol=1e-14)
    assert len(calc_model_devi_f(FORCES, real, relative)) == 3


@pytest.mark.parametrize(
    ("real", "relative", "expected"),
    [
        (None, None, [0.8611381213776228, 0.01706302075006671, 0.6052770954831584]),
        (REAL_V, None, [1.501545624266145, 0.06567774444838084, 1.0415483357280395]),
        (None, 0.4, [0.5172213906916419, 0.01024848291192974, 0.3635447709349684]),
        (REAL_V, 0.4, [0.5813330400584653, 0.025427560926109306, 0.40324213303377815]),
    ],
)
def test_virial_deviation_is_deepmd_kits(real, relative, expected):
    np.testing.assert_allclose(np.concatenate(calc_model_devi_v(VIRIALS, real, relative)), expected, rtol=1e-14)


def test_energy_deviation_is_deepmd_kits():
    np.testing.assert_allclose(calc_model_devi_e(ENERGIES), [0.8651445507014901], rtol=1e-14)
    np.testing.assert_allclose(calc_model_devi_e(ENERGIES, REAL_E), [0.9541571691842756], rtol=1e-14)


@pytest.mark.parametrize("relative", [None, 0.4])
def test_frames_are_independent(relative):
    forces, virials = wave(3, 4, 5, 3), wave(3, 4, 9)
    of_forces, of_virials = calc_model_devi_f(forces, None, relative), calc_model_devi_v(virials, None, relative)
    for frame in range(4):
        one = slice(frame, frame + 1)
        assert [x[frame] for x in of_forces] == [x[0] for x in calc_model_devi_f(forces[:, one], None, relative)]
        assert [x[frame] for x in of_virials] == [x[0] for x in calc_model_devi_v(virials[:, one], None, relative)]


def test_file_is_deepmd_kits(tmp_path):
    path = tmp_path / "model_devi.out"
    write_model_devi_out(np.arange(8.0)[None], path, header="water")
    write_model_devi_out(np.arange(10.0)[None], path, header="ice", atomic=True)
    numbers = "".join(f"       {number}.000000e+00" for number in range(1, 8))
    titles = (
        "".join(f"{x}_devi_{item}         " for item in "vf" for x in ("max", "min", "avg")) + "devi_e             "
    )
    assert path.read_text().splitlines() == [
        "# water",
        f"# step      {titles}",
        f"           0{numbers}",
        "# ice",
        f"# step      {titles}atm_devi_f(N)      ",
        f"           0{numbers}       8.000000e+00       9.000000e+00",
    ]


@pytest.mark.parametrize(("width", "atomic"), [(7, False), (9, False), (8, True)])
def test_columns_that_do_not_fit(tmp_path, width, atomic):
    with pytest.raises(InputError, match=f"of {width} columns"):
        write_model_devi_out(np.zeros((1, width)), tmp_path / "out", atomic=atomic)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def models(monkeypatch, tmp_path):
    install(monkeypatch)
    return [write_model(tmp_path / f"{depth}.morse", depth=depth) for depth in (0.6, 0.7, 0.9)]


def test_deviation_of_models(models, tmp_path):
    opened = [DeepPot(model) for model in models]
    devi = calc_model_devi(COORD, CELL, ATYPE, opened, fname=tmp_path / "out", frequency=5, atomic=True)
    energy, force, virial = (
        np.array(part) for part in zip(*(dp.eval(COORD, CELL, ATYPE) for dp in opened), strict=True)
    )
    assert devi.shape == (3, 8 + NATOMS)
    np.testing.assert_array_equal(devi[:, 0], [0, 5, 10])
    np.testing.assert_allclose(devi[:, 1:4].T, calc_model_devi_v(virial / NATOMS))
    np.testing.assert_allclose(devi[:, 4:7].T, calc_model_devi_f(force))
    np.testing.assert_allclose(devi[:, 7], energy[..., 0].std(axis=0) / NATOMS)
    np.testing.assert_allclose(np.loadtxt(tmp_path / "out"), devi, rtol=1e-6)


def test_virtual_atoms_do_not_count(models):
    opened = [DeepPot(model) for model in models]
    padded = np.concatenate([COORD, np.zeros((3, 2, 3))], axis=1)
    atype = np.tile([*ATYPE, -1, -1], (3, 1))
    devi = calc_model_devi(padded, CELL, atype, opened, mixed_type=True)
    np.testing.assert_allclose(devi, calc_model_devi(COORD, CELL, ATYPE, opened))


def command(*args):
    run(parse_args(["model-devi", *map(str, args)]))


@pytest.fixture
def data(models, tmp_path):
    """Two systems labelled by the second model."""
    dp = DeepPot(models[1])
    for name, cell in (("a", CELL), ("b", None)):
        write_system(tmp_path / "data" / name, dp, COORD, cell, ATYPE)
    return tmp_path / "data"


def test_command(models, data, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    output = tmp_path / "devi.out"
    output.write_text("of an earlier run\n")
    command("-m", *models, "-s", data, "-o", output, "-f", 10)
    lines = output.read_text().splitlines()
    assert [line for line in lines if "data" in line] == [f"# {data / 'a'}", f"# {data / 'b'}"]
    rows = np.loadtxt(output)
    expected = [
        calc_model_devi(COORD, cell, ATYPE, [DeepPot(m) for m in models], frequency=10) for cell in (CELL, None)
    ]
    np.testing.assert_allclose(rows, np.vstack(expected), rtol=1e-6)
    assert "6 frames in 2 systems" in caplog.text


def test_command_with_real_errors(models, data, tmp_path):
    command("-m", models[0], "-s", data / "a", "-o", tmp_path / "out", "--real_error", "--atomic", "--relative", 0.5)
    rows = np.loadtxt(tmp_path / "out")
    wrong, right = (DeepPot(model).eval(COORD, CELL, ATYPE) for model in models[:2])
    assert rows.shape == (3, 8 + NATOMS)
    np.testing.assert_allclose(rows[:, 7], np.abs(wrong[0] - right[0])[:, 0] / NATOMS, rtol=1e-6)
    force = np.linalg.norm(wrong[1] - right[1], axis=-1) / (np.linalg.norm(right[1], axis=-1) + 0.5)
    np.testing.assert_allclose(rows[:, 8:], force, rtol=1e-6)
    np.testing.assert_allclose(rows[:, 4], force.max(axis=1), rtol=1e-6)


def test_real_errors_without_virials_are_nan(models, data, tmp_path):
    (data / "a" / "set.000" / "virial.npy").unlink()
    (devi,) = make_model_devi(models=models, system=str(data / "a"), output=str(tmp_path / "out"), real_error=True)
    assert np.isnan(devi[:, 1:4]).all()
    assert np.isfinite(devi[:, 4:]).all()


def test_real_errors_need_forces(models, data, tmp_path):
    (data / "a" / "set.000" / "force.npy").unlink()
    with pytest.raises(DataError, match=r"force.npy is missing"):
        command("-m", *models, "-s", data, "-o", tmp_path / "out", "--real_error")
    assert not (tmp_path / "out").exists()


def test_one_model_has_no_deviation(models, data, tmp_path, caplog):
    command("-m", models[0], "-s", data, "-o", tmp_path / "out")
    assert "one model deviates from nothing: all deviations are 0" in caplog.text
    assert not np.loadtxt(tmp_path / "out")[:, 1:].any()


def test_models_with_other_types_are_refused(models, data, tmp_path):
    other = write_model(tmp_path / "other.morse", type_map=["H", "O"])
    with pytest.raises(InputError, match=r"type maps differ: O H in .*0.6.morse, H O in .*other.morse"):
        command("-m", models[0], other, "-s", data)


def test_only_potentials_are_compared(monkeypatch, tmp_path):
    bonds.install(monkeypatch)
    models = [write_model(tmp_path / "a.morse"), write_model(tmp_path / "b.bonds")]
    with pytest.raises(InputError, match=r"is one of potentials, but .*b.bonds is a model of 'dipole'"):
        make_model_devi(models=models, system=str(tmp_path), output=str(tmp_path / "out"))
