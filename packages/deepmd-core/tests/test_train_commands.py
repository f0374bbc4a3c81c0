# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp train`, `dp freeze` and `dp plot`, from the command line's arguments to their files."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import toy_backend
from toy_backend import ToyEval, ToyTrainer
from toy_data import write_system

from deepmd.backend import discovery
from deepmd.errors import InputError, ModelFileError
from deepmd.infer.comparison import ENERGY_QUANTITIES
from deepmd.infer.detail_files import DetailFiles
from deepmd.infer.quantities import Pair
from deepmd.main import main
from deepmd.plot.lcurve import _title
from deepmd.train import checkpoint

INPUT = {
    "model": {
        "type_map": ["O", "H"],
        "descriptor": {"type": "pairs", "sel": "auto", "rcut": 3.0},
        "fitting_net": {"neuron": [4]},
    },
    "learning_rate": {"type": "exp", "start_lr": 0.05, "stop_lr": 0.001, "decay_steps": 5},
    "training": {
        "training_data": {"systems": "data", "batch_size": 2},
        "numb_steps": 20,
        "disp_freq": 5,
        "save_freq": 8,
    },
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    toy_backend.install(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DP_BACKEND", "toy")
    monkeypatch.setattr(logging.getLogger(), "handlers", list(logging.getLogger().handlers))
    monkeypatch.setattr(discovery, "registered_packages", lambda: ())
    for name, seed in (("a", 1), ("b", 2)):
        write_system(tmp_path / "data" / name, [0, 1, 1], 10, seed=seed)
    tmp_path.joinpath("input.json").write_text(json.dumps(INPUT))
    return tmp_path


def test_train_freeze_and_what_is_said(folder, capsys):
    main(["train", "input.json"])
    said = capsys.readouterr().err
    assert "20 steps in 0:00:0" in said
    assert "next: dp --toy freeze -c model.ckpt-20.toy" in said
    assert json.loads(Path("out.json").read_text())["training"]["numb_steps"] == 20
    main(["freeze"])
    frozen = ToyEval("frozen_model.toymodel")
    trained = checkpoint.read_state(Path("model.ckpt-20.toy")).model["model"]["@variables"]
    assert np.array_equal(frozen.variables["w"], trained["w"])
    assert frozen.document["self_test"]["frames"]["periodic"]["results"]["@variables"]["energy"].shape == (1, 1)
    assert "self-test passed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (["-c", "model.ckpt-8.toy", "-o", "early"], "early.toymodel"),
        (["-c", "model.ckpt", "-o", "model.1"], "model.1.toymodel"),
        (["-o", "model.othermodel"], "model.othermodel"),
    ],
)
def test_freeze_to_the_ending_asked_for(arguments, written):
    main(["train", "input.json"])
    main(["freeze", *arguments])
    assert Path(written).is_file()


def test_a_frozen_file_with_other_numbers_is_removed(monkeypatch):
    main(["train", "input.json"])
    promise = ToyEval._frame

    def wrong(self, *args):
        energy, force, virial = promise(self, *args)
        return energy * (1.1 if "self_test" in self.document else 1.0), force, virial

    monkeypatch.setattr(ToyEval, "_frame", wrong)
    with pytest.raises(SystemExit, match="dp: error: "):
        main(["freeze"])
    assert not Path("frozen_model.toymodel").exists()


def test_restart_goes_on_by_the_checkpoints_name(capsys):
    main(["train", "input.json"])
    Path("model.ckpt-20.toy").rename("whole.toy")
    Path("model.ckpt.toy").unlink()
    Path("model.ckpt.toy").symlink_to("model.ckpt-16.toy")
    main(["train", "input.json", "--restart", "model.ckpt"])
    first, second = (ToyTrainer.read_checkpoint(name) for name in ("whole.toy", "model.ckpt-20.toy"))
    assert np.array_equal(first.optimizer["exp_avg/w"], second.optimizer["exp_avg/w"])
    main(["train", "input.json", "--restart", "model.ckpt"])
    assert (
        "nothing to train: the checkpoint has all 20 steps; raise training/numb_steps to go on."
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_becomes_the_status_shells_expect(monkeypatch, capsys, number, status):
    step = ToyTrainer.step

    def interrupted(self, prepared, lr):
        os.kill(os.getpid(), number)
        return step(self, prepared, lr)

    monkeypatch.setattr(ToyTrainer, "step", interrupted)
    with pytest.raises(SystemExit) as stop:
        main(["train", "input.json"])
    assert stop.value.code == status
    assert "go on with: dp --toy train input.json --restart model.ckpt-1.toy" in capsys.readouterr().err


def test_the_learning_curve_is_drawn():
    main(["train", "input.json", "--plot"])
    assert Path("lcurve.png").read_bytes()[1:4] == b"PNG"
    main(["plot", "lcurve.out", "-o", "curve.svg"])
    picture = Path("curve.svg").read_text()
    assert picture.startswith("<?xml")
    with pytest.raises(SystemExit, match=r"cannot draw into curve\.txt"):
        main(["plot", "lcurve.out", "-o", "curve.txt"])


def test_titles_of_tensors():
    assert _title("global_dipole") == ("Dipole per atom", "unit of the labels")
    assert _title("local_polarizability")[0] == "Polarizability of atoms"
    assert _title("gf") == ("gf", "")
    assert _title("") == ("Root of the loss", "")


def test_a_detail_file_is_drawn(capsys):
    rng = np.random.default_rng(0)
    force = rng.standard_normal((20, 3))
    with DetailFiles("detail", ENERGY_QUANTITIES) as files:
        files.write("data/a", {"force": Pair(force, force + 0.1)})
    main(["plot", "detail.f.out"])
    assert capsys.readouterr().out == "written: detail.f.png\n"
    assert Path("detail.f.png").stat().st_size > 5000


def test_plot_without_matplotlib_names_the_extra(monkeypatch):
    from deepmd.entrypoints.plot import plot
    from deepmd.entrypoints.train import train

    train("input.json")
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"deepmd-core\[plot\]"):
        plot("lcurve.out")
    with pytest.raises(InputError, match=r"deepmd-core\[plot\]"):
        train("input.json", plot=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "none.json"], "none.json"),
        (["train", "input.json", "--restart", "none"], "no checkpoint none"),
        (["freeze", "-c", "none.toy"], r"there is no model file or checkpoint none\.toy"),
        (["train", "input.json", "--init-frz-model", "none.pb"], r"there is no model file or checkpoint none\.pb"),
        (["test", "-s", "data"], "there is no model file frozen_model, the default of -m"),
        (["plot", "none.out"], r"none\.out: no such file"),
    ],
)
def test_a_users_mistake_is_one_line(arguments, message):
    with pytest.raises(SystemExit, match=f"dp: error: .*{message}") as stop:
        main(arguments)
    assert "\n" not in str(stop.value)


def contents(folder="."):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}


@pytest.mark.parametrize("prefix", ["", "run/"])
def test_a_new_training_keeps_what_one_before_has_left(prefix, capsys):
    settings = {"save_ckpt": f"{prefix}model.ckpt", "disp_file": f"{prefix}lcurve.out"}
    Path("input.json").write_text(json.dumps(INPUT | {"training": INPUT["training"] | settings}))
    main(["train", "input.json"])
    assert "backup" not in capsys.readouterr().err
    first = contents(prefix or ".")
    main(["train", "input.json"])
    assert f"kept in {prefix}backup.1" in capsys.readouterr().err
    main(["train", "input.json", "-i", f"{prefix}model.ckpt.toy"])
    main(["train", "input.json", "-r", f"{prefix}model.ckpt.toy"])
    assert sorted(path.name for path in Path(prefix).glob("backup.*")) == ["backup.1", "backup.2"]
    kept = contents(f"{prefix}backup.1")
    assert {"lcurve.out", "model.ckpt-20.toy", "model.ckpt.toy"} < set(kept)
    assert all(first[name] == kept[name] for name in kept)
    main(["freeze", "-c", f"{prefix}backup.1", "-o", "old.toymodel"])


def test_two_trainings_in_one_folder(monkeypatch, capsys):
    step = ToyTrainer.step

    def second(self, prepared, lr):
        monkeypatch.setattr(ToyTrainer, "step", step)
        before = contents()
        with pytest.raises(SystemExit, match=r"dp: error: another training is running in .*wait for its end"):
            main(["train", "input.json"])
        assert contents() == before
        return step(self, prepared, lr)

    monkeypatch.setattr(ToyTrainer, "step", second)
    main(["train", "input.json"])
    main(["train", "input.json", "-r", "model.ckpt"])


def test_errors_are_of_the_classes_that_callers_catch():
    from deepmd.entrypoints.freeze import freeze

    with pytest.raises(ModelFileError):
        freeze("none.toy")


def test_an_old_input_is_written_in_todays_form(folder, caplog):
    config = {**INPUT, "training": {**INPUT["training"], "systems": "data", "batch_size": 2}}
    del config["training"]["training_data"]
    Path("old.json").write_text(json.dumps(config))
    main(["train", "old.json"])
    modern = json.loads(Path("input_v2_compat.json").read_text())
    assert modern["training"]["training_data"] == {"systems": "data", "batch_size": 2}
    assert "seed" not in modern["training"]
    Path("input_v2_compat.json").unlink()
    main(["train", "input.json"])
    assert not Path("input_v2_compat.json").exists()


@pytest.mark.parametrize("flag", ["--init-model", "--init-frz-model", "--finetune"])
def test_a_training_starts_from_a_model_file(flag, capsys):
    main(["train", "input.json"])
    main(["freeze"])
    trained = ToyEval("frozen_model.toymodel").variables
    Path("short.json").write_text(json.dumps({**INPUT, "training": {**INPUT["training"], "numb_steps": 1}}))
    main(["train", "short.json", flag, "frozen_model.toymodel"])
    state = checkpoint.read_state(Path("model.ckpt-1.toy"))
    assert state.step == state.optimizer["step"] == 1
    # one step of Adam is at most as long as the learning rate
    assert np.abs(state.model["model"]["@variables"]["w"] - trained["w"]).max() <= 0.05
    assert ("its energies of atoms are not shifted" in capsys.readouterr().err) == (flag == "--finetune")


def test_a_model_file_is_no_checkpoint():
    main(["train", "input.json"])
    main(["freeze"])
    with pytest.raises(SystemExit, match=r"is a frozen model: .* by --init-model frozen_model\.toymodel"):
        main(["train", "input.json", "--restart", "frozen_model.toymodel"])


def test_checkpoints_in_a_folder(capsys):
    Path("input.json").write_text(
        json.dumps({**INPUT, "training": {**INPUT["training"], "save_ckpt": "ckpt/model.ckpt"}})
    )
    main(["train", "input.json"])
    main(["freeze", "-c", "ckpt", "-o", "by_folder"])
    main(["freeze", "-o", "by_default"])
    assert Path("by_folder.toymodel").read_bytes() == Path("by_default.toymodel").read_bytes()
    main(["train", "input.json", "--restart", "ckpt"])
    assert "nothing to train: the checkpoint has all 20 steps" in capsys.readouterr().err


def test_the_first_line_says_which_backend_trains_and_why(capsys, monkeypatch):
    monkeypatch.delenv("DP_BACKEND")
    main(["train", "input.json"])
    first = capsys.readouterr().err.splitlines()[0]
    assert first == "backend: Other (the first of other, toy; another by `dp --toy train` or DP_BACKEND=toy)."
    main(["train", "input.json", "--init-model", "model.ckpt.other"])
    first = capsys.readouterr().err.splitlines()[0]
    assert first == "backend: Other (whose checkpoint model.ckpt.other is)."
