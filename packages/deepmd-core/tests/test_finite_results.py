# SPDX-License-Identifier: LGPL-3.0-or-later
"""Results that are not finite leave the program nowhere: the frame and the atoms are named instead."""

from __future__ import annotations

import numpy as np
import pytest
from morse import MorseEval, install, make_frames, write_model, write_system

from deepmd.errors import ResultError
from deepmd.infer import DeepPot, calc_model_devi
from deepmd.infer.finite import check_results
from deepmd.main import parse_args, run

COORD, CELL, ATYPE = make_frames(nframes=4)
REASON = "is not finite; atoms 1 and 2 are at the same place; move one, or leave the frame out."


@pytest.fixture
def model(monkeypatch, tmp_path):
    """A model that gives NaN for the third frame, whose atoms 1 and 2 are images of each other."""
    install(monkeypatch)
    path = write_model(tmp_path / "water.morse")
    write_system(tmp_path / "data", DeepPot(path), COORD, CELL, ATYPE)
    coord = overlapping()
    np.save(tmp_path / "data" / "set.000" / "coord.npy", coord.reshape(len(coord), -1))
    evaluate, describe = MorseEval.eval, MorseEval.eval_descriptor
    bad = coord[2, 1, 0]

    def spoil(self, coords, *args, **kwargs):
        results = evaluate(self, coords, *args, **kwargs)
        results["energy"][coords[:, 1, 0] == bad] = np.nan
        return results

    def spoil_descriptor(self, coords, *args, **kwargs):
        descriptor = describe(self, coords, *args, **kwargs)
        descriptor[coords[:, 1, 0] == bad, 1:3] = np.inf
        return descriptor

    monkeypatch.setattr(MorseEval, "eval", spoil)
    monkeypatch.setattr(MorseEval, "eval_descriptor", spoil_descriptor)
    return path


def overlapping():
    coord = COORD.copy()
    coord[2, 2] = coord[2, 1] + (CELL if CELL.ndim == 2 else CELL[2])[0]
    return coord


def test_evaluation(model):
    with pytest.raises(ResultError, match=rf"^frame 2: the model's energy {REASON}$"):
        DeepPot(model).eval(overlapping(), CELL, ATYPE)
    with pytest.raises(ResultError, match=rf"^frame 2: the model's descriptor {REASON}$"):
        DeepPot(model).eval_descriptor(overlapping(), CELL, ATYPE)
    with pytest.raises(ResultError, match="frame 2: "):
        calc_model_devi(overlapping(), CELL, ATYPE, [DeepPot(model)] * 2)


def test_without_atoms_at_the_same_place_the_model_is_looked_at(model):
    coord = COORD.copy()
    coord[2, 1, 0] = overlapping()[2, 1, 0]
    with pytest.raises(ResultError, match="no two atoms are at the same place, so look at the coordinates and at the"):
        DeepPot(model).eval(coord, CELL, ATYPE)


@pytest.mark.parametrize("is_periodic", [True, False])
def test_two_atoms_of_very_many_are_found(is_periodic):
    rng, natoms = np.random.default_rng(0), 60_000
    cell = np.array([[90.0, 0.0, 0.0], [20.0, 80.0, 0.0], [0.0, -10.0, 85.0]])
    points = np.stack(np.meshgrid(*[np.arange(40)] * 3), axis=-1).reshape(-1, 3)[:natoms]
    coord = (points / 40) @ cell + rng.uniform(-0.2, 0.2, (natoms, 3))
    frames = {"coords": coord[None], "cells": cell[None] if is_periodic else None, "atom_types": np.zeros((1, natoms))}
    results = {"energy": np.array([[np.nan]])}
    with pytest.raises(ResultError, match="no two atoms are at the same place"):
        check_results(results, frames)
    coord[59_000] = coord[123] + [5e-4, -5e-4, 0.0] + (cell[1] - cell[2] if is_periodic else 0.0)
    with pytest.raises(ResultError, match="atoms 123 and 59000 are at the same place"):
        check_results(results, frames)


def test_virtual_atoms_may_have_any_descriptor(model):
    atype = np.tile(ATYPE, (4, 1))
    atype[2, 1:3] = -1
    DeepPot(model).eval_descriptor(overlapping(), CELL, atype, mixed_type=True)


@pytest.mark.parametrize("command", ["test", "model-devi", "eval-desc"])
def test_commands_name_the_system(model, tmp_path, command):
    models = [model, model] if command == "model-devi" else [model]
    with pytest.raises(ResultError, match=f"^frame 2 of system .*data: the model's [a-z]+ {REASON}$"):
        run(parse_args([command, "-m", *map(str, models), "-s", str(tmp_path / "data"), *_output(command, tmp_path)]))
    assert not (tmp_path / "out").exists()


def _output(command, folder):
    return [] if command == "test" else ["-o", str(folder / "out")]


def test_ase(model):
    ase = pytest.importorskip("ase")
    from deepmd.calculator import DP

    coord, cell = overlapping(), np.broadcast_to(CELL, (4, 3, 3))
    names = [["O", "H"][number] for number in ATYPE]
    atoms = ase.Atoms(names, positions=coord[2], cell=cell[2], pbc=True, calculator=DP(model))
    with pytest.raises(ResultError, match=f"frame 0: the model's energy {REASON}"):
        atoms.get_potential_energy()
