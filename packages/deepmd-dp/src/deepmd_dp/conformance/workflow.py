# SPDX-License-Identifier: LGPL-3.0-or-later
"""The commands in the order that users give them, on a folder of data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from deepmd.entrypoints.freeze import freeze
from deepmd.entrypoints.test import run_test
from deepmd.entrypoints.train import train
from deepmd.infer import DeepPot
from deepmd_dp.conformance.cases import TYPE_MAP, Case
from deepmd_dp.conformance.comparison import DOUBLE, assert_close
from deepmd_dp.conformance.frames import FRAMES
from deepmd_dp.conformance.parts import Part

if TYPE_CHECKING:
    from pathlib import Path

NSTEPS, HALF = 20, 10
NKILLS = 12
CHOSEN = FRAMES["periodic and triclinic"]
assert CHOSEN.cells is not None
CELLS = CHOSEN.cells


class WorkflowTests(Part):
    """`dp train`, restart, `dp freeze`, `dp test`."""

    def test_train_restart_freeze_test(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        write_system(tmp_path / "data")
        whole = self._train(tmp_path, "whole")
        self._train(tmp_path, "rest", restart=f"whole.ckpt-{HALF}{self.backend.checkpoint_suffix}")
        curves = [np.loadtxt(tmp_path / f"{name}.out") for name in ("rest", "whole")]
        assert_close(curves[0], curves[1][-len(curves[0]) :], 1e-6, "learning curve")  # lcurve.out has rounded figures
        assert curves[0][0, 0] > HALF
        model = freeze(whole, str(tmp_path / "frozen"), self.flag)
        assert model.suffix == self.backend.suffixes[0]
        errors = run_test(model=str(model), systems=[str(tmp_path / "data")])
        assert all(np.isfinite(value) for value in errors.values())
        self._compare(model, whole)
        started = [self._train(tmp_path, path.suffix[1:], init_model=str(path)) for path in (model, whole)]
        self._compare(*started)

    @pytest.mark.skipif(
        not hasattr(os, "fork"), reason="only a fork of a process that has imported a framework is quick"
    )
    def test_kills_while_a_checkpoint_is_saved(self, tmp_path: Path) -> None:
        """At some file operations; `deepmd_dp.conformance.kills` does so at all of them, and in other commands."""
        module = "deepmd_dp.conformance.kills"
        subprocess.run([sys.executable, "-m", module, self.flag, "save", str(tmp_path), str(NKILLS)], check=True)

    def _train(self, folder: Path, name: str, restart: str | None = None, init_model: str | None = None) -> Path:
        """Writes the input, trains, gives the last checkpoint."""
        path = folder / f"{name}.json"
        path.write_text(json.dumps(input_of(name, self.workflow_case)), encoding="utf-8")
        result = train(path, backend=self.flag, restart=restart, init_model=init_model, skip_neighbor_stat=True)
        assert result.step == NSTEPS
        assert result.checkpoint is not None
        return result.checkpoint

    def _compare(self, model: Path, checkpoint: Path) -> None:
        """Two files hold the same model."""
        frozen, trained = (_evaluate(path) for path in (model, checkpoint))
        assert frozen[1].shape == CHOSEN.coords.shape
        for mine, theirs, name in zip(frozen, trained, ("energy", "force", "virial"), strict=True):
            assert_close(mine, theirs, DOUBLE, name)


def _evaluate(path: Path) -> tuple[np.ndarray, ...]:
    return DeepPot(str(path)).eval(CHOSEN.coords, CHOSEN.cells, CHOSEN.atom_types[0])


def input_of(name: str, case: Case) -> dict[str, Any]:
    """A small training with a checkpoint in the middle."""
    return {
        "model": case.section(),
        "learning_rate": {"type": "exp", "start_lr": 1e-3, "stop_lr": 1e-4},
        "loss": {"start_pref_e": 1.0, "limit_pref_e": 1.0, "start_pref_f": 10.0, "limit_pref_f": 10.0},
        "training": {
            "training_data": {"systems": ["data"], "batch_size": 1},
            "numb_steps": NSTEPS,
            "disp_freq": 5,
            "disp_file": f"{name}.out",
            "save_freq": HALF,
            "save_ckpt": f"{name}.ckpt",
            "seed": 1,
        },
    }


def write_system(folder: Path) -> None:
    """A data system with made-up labels."""
    rng = np.random.default_rng(17)
    nframes, natoms = CHOSEN.atom_types.shape
    arrays: dict[str, np.ndarray] = {
        "coord": CHOSEN.coords.reshape(nframes, -1),
        "box": CELLS.reshape(nframes, -1),
        "energy": rng.normal(size=(nframes,)),
        "force": rng.normal(size=(nframes, 3 * natoms)),
    }
    (folder / "set.000").mkdir(parents=True)
    for name, array in arrays.items():
        np.save(folder / "set.000" / f"{name}.npy", array)
    np.savetxt(folder / "type.raw", CHOSEN.atom_types[0], fmt="%d")
    (folder / "type_map.raw").write_text("\n".join(TYPE_MAP), encoding="utf-8")
