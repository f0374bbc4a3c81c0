# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp test` of tensor models: dipoles of frames, or of the selected atoms."""

from __future__ import annotations

import logging
import re

import numpy as np
import pytest
from bonds import install, write_system
from morse import make_frames, write_model

from deepmd.data import Batch, DataRequirement
from deepmd.entrypoints.test import run_test
from deepmd.errors import DataError, InputError
from deepmd.infer import DeepDipole
from deepmd.infer.comparison import comparisons
from deepmd.infer.quantities import Error
from deepmd.main import parse_args, run
from deepmd.outputs import OutputDef

COORD, CELL, ATYPE = make_frames(nframes=4)
NSELECTED = int((ATYPE == 0).sum())


@pytest.fixture
def file(monkeypatch, tmp_path):
    install(monkeypatch)
    return write_model(tmp_path / "water.bonds", selected=[0])


@pytest.fixture
def predicted(file):
    """Dipoles of the atoms, (4, natoms, 3)."""
    return DeepDipole(file).eval(COORD, CELL, ATYPE)


@pytest.fixture
def noise():
    return 0.01 * np.random.default_rng(1).normal(size=(4, NSELECTED, 3))


@pytest.fixture
def command(caplog, file):
    """Runs `dp test` and gives the printed lines."""
    caplog.set_level(logging.INFO)

    def call(*args):
        run(parse_args(["test", "-m", file, *map(str, args)]))
        return caplog.messages

    return call


def test_lines_are_deepmd_kits(command, predicted, noise, tmp_path):
    system = write_system(tmp_path / "a", COORD, CELL, ATYPE, dipole=predicted.sum(axis=1) + noise[:, 0])
    lines = command("-s", system)
    expected = np.sqrt(np.mean(noise[:, 0] ** 2))
    for title, value in {"": expected, "/sqrtN": expected / NSELECTED**0.5, "/N": expected / NSELECTED}.items():
        line = next(line for line in lines if line.startswith(f"Dipole  RMSE{title} "))
        assert re.fullmatch(r"Dipole  RMSE\S* *: \d\.\d{6}e[+-]\d\d eÅ", line)
        assert line.index(":") == 19
        assert float(line.split(":")[1].split()[0]) == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("all_atoms", [True, False])
def test_dipoles_of_atoms(file, predicted, noise, tmp_path, all_atoms):
    """Whether the file has all atoms or those that are selected; others don't count."""
    label = predicted.copy()
    label[:, ATYPE == 0] += noise
    label[:, ATYPE == 1] = 7.0
    stored = label if all_atoms else label[:, ATYPE == 0]
    system = write_system(tmp_path / "a", COORD, CELL, ATYPE, atomic_dipole=stored)
    found = run_test(model=file, systems=[system], atomic=True)
    assert found == {
        "mae_dipole": pytest.approx(np.abs(noise).mean()),
        "rmse_dipole": pytest.approx(np.sqrt(np.mean(noise**2))),
    }


@pytest.mark.parametrize("atomic", [True, False])
def test_what_frames_have_not_is_compared_atom_by_atom(atomic):
    (compared,) = comparisons((OutputDef("population", (2,), "e", reduction=None),), atomic, ["O", "H"])
    assert compared.labels == [DataRequirement("atom_population", 2, atomic=True, must=True)]
    label = np.arange(12.0).reshape(2, 3, 2)
    atype = np.array([[0, 1, 1], [0, 1, -1]])
    batch = Batch(np.zeros((2, 3, 3)), None, atype, {"atom_population": label}, {"atom_population": True})
    pairs = compared.pair_up(batch, {"atom_population": label + 0.5})
    np.testing.assert_array_equal(pairs["atom_population"].label, label.reshape(6, 2)[:5])
    assert Error.of(pairs["atom_population"]).mae == 0.5


def test_detail_file_of_frames(command, predicted, noise, tmp_path):
    label = predicted.sum(axis=1) + noise[:, 0]
    system = write_system(tmp_path / "a", COORD, CELL, ATYPE, dipole=label)
    command("-s", system, "-d", tmp_path / "detail")
    assert [path.name for path in tmp_path.glob("detail*")] == ["detail.out"]
    columns = "data_x data_y data_z pred_x pred_y pred_z"
    assert (tmp_path / "detail.out").read_text().splitlines()[0] == f"# {system}: {columns}"
    np.testing.assert_allclose(np.loadtxt(tmp_path / "detail.out"), np.hstack([label, predicted.sum(axis=1)]))


def test_detail_file_of_atoms_has_a_line_a_frame(command, predicted, noise, tmp_path):
    """In deepmd-kit's columns."""
    own = predicted[:, ATYPE == 0]
    system = write_system(tmp_path / "a", COORD, CELL, ATYPE, atomic_dipole=own + noise)
    command("-s", system, "-a", "-d", tmp_path / "detail")
    header = (tmp_path / "detail.out").read_text().splitlines()[0].split()
    assert header[2:8] == ["data_x1", "data_y1", "data_z1", "data_x2", "data_y2", "data_z2"]
    assert header[-1] == f"pred_z{NSELECTED}"
    expected = np.hstack([(own + noise).reshape(4, -1), own.reshape(4, -1)])
    np.testing.assert_allclose(np.loadtxt(tmp_path / "detail.out"), expected)


def test_pictures(command, predicted, noise, tmp_path):
    image = pytest.importorskip("matplotlib.image")
    labels = {"dipole": predicted.sum(axis=1) + noise[:, 0], "atomic_dipole": predicted}
    system = write_system(tmp_path / "a", COORD, CELL, ATYPE, **labels)
    command("-s", system, "--plot", tmp_path / "parity.png", "-d", tmp_path / "detail")
    command("-s", system, "-a", "--plot", tmp_path / "atoms.png")
    run(parse_args(["plot", str(tmp_path / "detail.out")]))
    for name in ("parity", "atoms", "detail"):
        height, width, _ = image.imread(tmp_path / f"{name}.png").shape
        assert width < height


def test_missing_labels(command, file, predicted, tmp_path):
    system = write_system(tmp_path / "a", COORD, CELL, ATYPE, energy=np.zeros((4, 1)))
    with pytest.raises(InputError, match=r"labels to compare with: dipole \(those of atoms, atomic_dipole, are"):
        command("-s", system)
    with pytest.raises(DataError, match=r"atom_dipole.npy \(or atomic_dipole\) is missing"):
        command("-s", system, "-a")


def test_frames_without_selected_atoms(command, predicted, tmp_path):
    """They have no error per atom."""
    one = write_system(tmp_path / "a", COORD, CELL, np.ones_like(ATYPE), dipole=np.full((4, 3), 0.5))
    lines = command("-s", one)
    assert any(line.startswith("Dipole  RMSE       : 5.0") for line in lines)
    assert not any("RMSE/N" in line for line in lines)


def test_mixed_types(file, predicted, noise, tmp_path):
    """Padded frames with different numbers of selected atoms."""
    types = np.tile([*ATYPE, -1, -1], (4, 1))
    types[1, :3] = -1
    coord = np.pad(COORD, ((0, 0), (0, 2), (0, 0)))
    dipole = DeepDipole(file).eval(coord, CELL, types, mixed_type=True)
    label = dipole.copy()
    label[types == 0] += 0.1
    system = write_system(
        tmp_path / "a",
        coord,
        CELL,
        [0] * types.shape[1],
        real_atom_types=types,
        atomic_dipole=label,
        dipole=dipole.sum(1),
    )
    detail = str(tmp_path / "detail")
    assert run_test(model=file, systems=[system], atomic=True, detail_file=detail)["rmse_dipole"] == pytest.approx(0.1)
    rows = [line.split() for line in (tmp_path / "detail.out").read_text().splitlines()[1:]]
    assert [len(row) for row in rows] == [6 * NSELECTED, 6 * (NSELECTED - 1), 6 * NSELECTED, 6 * NSELECTED]
    assert run_test(model=file, systems=[system])["rmse_dipole"] == pytest.approx(0, abs=1e-12)
