# SPDX-License-Identifier: LGPL-3.0-or-later
"""The training loop with a real small trainer: it learns, goes on to the bit, and ends in good order."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import toy_backend
from harmonic import thermal_water
from toy_backend import OtherToyBackend, ToyBackend, ToyTrainer, new_config
from toy_data import frames_of, write_system

from deepmd.backend.model_files import read_state
from deepmd.data import DataRequirement, TrainingData
from deepmd.entrypoints.freeze import freeze
from deepmd.errors import DataError, InputError, ModelFileError, TrainingError
from deepmd.train import run_training, slow_training
from deepmd.train.checkpoint import find_checkpoint
from deepmd.train.folder_lock import only_training_in
from deepmd.train.labels import check_labels
from deepmd.train.lcurve import read_lcurve
from deepmd.train.prefetch import Prefetcher
from deepmd.train.validation import Average


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working directory with data whose energies the toy model can learn."""
    toy_backend.install(monkeypatch)
    monkeypatch.chdir(tmp_path)
    for name, seed in (("a", 1), ("b", 2)):
        types = [0, 1, 1, 0] if name == "a" else [0, 1, 1]
        frames = frames_of(types, 10, seed)
        shape = (10, len(types), 3)
        box = frames["box"].reshape(10, 3, 3)
        morse = toy_backend._morse_energies(frames["coord"].reshape(shape), box, np.array([types] * 10))
        energy = types.count(0) * -10 + types.count(1) * -2 + 0.3 * morse
        write_system(tmp_path / "data" / name, types, 10, seed=seed, energy=energy[:, None])
    return tmp_path


def train(**options):
    return run_training(options.pop("config", None) or new_config(), ToyBackend(), terminal=False, **options)


def arrays_of(path):
    state = read_state(path)
    return {**state.model["model"]["@variables"], **state.optimizer}


def assert_same_checkpoint(one, other):
    first, second = arrays_of(one), arrays_of(other)
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[key], second[key]) for key in first)
    assert read_state(one).loop == read_state(other).loop


def test_it_learns_and_writes_its_files(folder):
    result = train(config=new_config(numb_steps=1000, disp_freq=100, save_freq=400))
    assert (result.step, result.steps_run, result.signal) == (1000, 1000, None)
    curve = read_lcurve("lcurve.out")
    assert curve["step"].tolist() == [1, *range(100, 1001, 100)]
    assert list(curve) == ["step", "rmse_val", "rmse_trn", "rmse_e_val", "rmse_e_trn", "lr"]
    assert curve["rmse_e_val"][-1] < 0.1 * curve["rmse_e_val"][0]
    assert sorted(path.name for path in folder.glob("model.ckpt*")) == [
        "model.ckpt-1000.toy", "model.ckpt-400.toy", "model.ckpt-800.toy", "model.ckpt.toy",
    ]  # fmt: skip
    assert folder.joinpath("checkpoint").read_text() == "model.ckpt-1000.toy"
    assert read_state("model.ckpt.toy").step == 1000
    assert json.loads(folder.joinpath("out.json").read_text())["training"]["seed"] == 7


def test_the_types_met_are_recorded(folder):
    config = new_config(numb_steps=8)
    config["model"]["type_map"] = ["C", "O", "H"]
    train(config=config)
    model = read_state("model.ckpt-8.toy").model
    assert model["model_def_script"]["info"] == {"observed_type": ["H", "O"]}
    config = new_config(numb_steps=8)
    config["model"]["info"] = {"observed_type": ["O"], "by": "me"}
    train(config=config)
    assert read_state("model.ckpt-8.toy").model["model_def_script"]["info"] == {"observed_type": ["O"], "by": "me"}


def test_data_are_checked_before_the_first_step(folder, caplog):
    good, types = thermal_water(nmolecules=1)
    write_system(folder / "data" / "a_nm", types, 40, **good | {"coord": 0.1 * good["coord"]})
    caplog.set_level(logging.INFO)
    train(config=new_config(numb_steps=8, training_data={"systems": ["data/a_nm", "data/b"], "batch_size": 2}))
    assert sum("probably in nm" in message and "data/a_nm" in message for message in caplog.messages) == 1
    assert sum("10 of 10 frames of the validation data" in message for message in caplog.messages) == 1
    (energies,) = [message for message in caplog.messages if message.startswith("energies: rms ")]
    assert energies.endswith("eV/atom about a fit by composition.")
    # a training that goes on has been told
    caplog.clear()
    train(config=new_config(numb_steps=9), restart=folder / "model.ckpt-8.toy")
    assert not [message for message in caplog.messages if "probably" in message or "validation data are" in message]


def test_restart_gives_the_uninterrupted_run_to_the_bit(folder):
    train(config=new_config(numb_steps=20, disp_avg=True))
    whole = folder.joinpath("lcurve.out").read_text()
    folder.joinpath("model.ckpt-20.toy").rename("whole.toy")
    folder.joinpath("model.ckpt-16.toy").unlink()
    result = train(config=new_config(numb_steps=20, disp_avg=True), restart=folder / "model.ckpt-8.toy")
    assert (result.step, result.steps_run) == (20, 12)
    assert_same_checkpoint("whole.toy", "model.ckpt-20.toy")
    assert folder.joinpath("lcurve.out").read_text() == whole


def test_restart_without_a_seed_in_the_input_uses_the_saved_one(folder):
    train(config=new_config(seed=None))
    folder.joinpath("model.ckpt-20.toy").rename("whole.toy")
    train(config=new_config(seed=None), restart=folder / "model.ckpt-8.toy")
    assert_same_checkpoint("whole.toy", "model.ckpt-20.toy")


def test_another_backend_goes_on_from_the_checkpoint(folder):
    train()
    folder.joinpath("model.ckpt-20.toy").rename("whole.toy")
    run_training(new_config(), OtherToyBackend(), restart=folder / "model.ckpt-8.toy", terminal=False)
    assert_same_checkpoint("whole.toy", "model.ckpt-20.other")


def test_a_complete_training_is_left_alone(folder):
    train()
    before = folder.joinpath("model.ckpt-20.toy").stat().st_mtime_ns
    result = train(restart=folder / "model.ckpt-20.toy")
    assert (result.steps_run, result.checkpoint) == (0, None)
    assert folder.joinpath("model.ckpt-20.toy").stat().st_mtime_ns == before


def test_init_model_takes_a_frozen_file_too(folder):
    train()
    freeze("model.ckpt-20.toy", "frozen.toymodel", "toy")
    for kind in ("model.ckpt-20.toy", "frozen.toymodel"):
        result = train(config=new_config(numb_steps=8), init_model=find_checkpoint(kind))
        assert result.steps_run == 8
        folder.joinpath("model.ckpt-8.toy").rename(f"{kind}.toy")
    assert_same_checkpoint("model.ckpt-20.toy.toy", "frozen.toymodel.toy")


def test_restart_of_a_frozen_file_is_refused(folder):
    train()
    freeze("model.ckpt-20.toy", "frozen.toymodel", "toy")
    with pytest.raises(ModelFileError, match=r"^frozen.toymodel is a frozen model: .* by --init-model frozen.toymodel"):
        train(restart=find_checkpoint("frozen.toymodel"))


def test_a_second_training_is_refused_before_it_reads_data(folder, monkeypatch):
    monkeypatch.setattr(TrainingData, "__init__", lambda *_, **__: pytest.fail("data are read"))
    with only_training_in([folder]), pytest.raises(TrainingError, match="another training is running"):
        train()


def test_the_header_tells_what_is_trained(folder, caplog):
    caplog.set_level("INFO")
    train()
    said = "\n".join(record.getMessage() for record in caplog.records if record.name == "deepmd.train.header")
    assert re.match(r"deepmd-core \S+, tests, numpy [\d.]+, on cpu\.\nparameters: in all 3\.\n", said)
    assert "compositions: 20 frames, 10 of O2H2, 10 of OH2." in said
    assert said.endswith("steps 1 to 20, learning rate 5.00e-02 to 2.66e-03.")


def test_a_restart_tells_where_it_goes_on_and_whether_the_schedule_changed(folder, caplog):
    train()
    caplog.set_level("INFO")
    train(restart=folder / "model.ckpt-8.toy")
    assert "going on after step 8: steps 9 to 20, learning rate 1.88e-02 to 2.66e-03." in caplog.text
    assert "the schedule has changed" not in caplog.text
    train(config=new_config(numb_steps=40), restart=folder / "model.ckpt-8.toy")
    assert "the schedule has changed: step 9 takes the learning rate " in caplog.text


def test_init_model_takes_the_model_only(folder):
    train()
    folder.joinpath("model.ckpt-20.toy").rename("first.toy")
    result = train(config=new_config(numb_steps=0), init_model=folder / "first.toy")
    assert result.step == 0
    state = read_state("model.ckpt-0.toy")
    assert state.optimizer["step"] == 0
    assert np.array_equal(state.model["model"]["@variables"]["w"], arrays_of("first.toy")["w"])


@pytest.mark.parametrize("option", ["restart", "init_model"])
def test_the_input_must_mean_the_model_of_the_checkpoint(folder, option):
    train()
    start = {option: folder / "model.ckpt-20.toy"}
    config = new_config(numb_steps=22)
    config["model"]["descriptor"]["rcut"] = 2.5
    with pytest.raises(InputError, match=r"the checkpoint's: model/descriptor/rcut 2\.5 \(there 3\.0\)"):
        train(config=config, **start)
    config = new_config()
    config["model"]["type_map"] = ["H", "O"]
    with pytest.raises(InputError, match=r"type_map of the input is \['H', 'O'\]"):
        train(config=config, **start)


def test_options_of_training_come_from_the_input_and_sel_from_the_checkpoint(folder):
    train()
    config = new_config(numb_steps=22)
    config["model"]["data_stat_nbatch"] = 7
    config["model"]["descriptor"] |= {"sel": "auto", "trainable": False, "seed": 3}
    train(config=config, restart=folder / "model.ckpt-20.toy")
    section = read_state("model.ckpt.toy").model["model_def_script"]
    assert section["data_stat_nbatch"] == 7
    assert section["descriptor"] == {"type": "pairs", "sel": [40, 80], "rcut": 3.0, "trainable": False, "seed": 3}
    assert section["info"] == {"observed_type": ["H", "O"]}


def test_a_loss_that_is_not_finite_stops_with_the_frames_named(folder):
    config = new_config(training_data={"systems": ["data/a"], "batch_size": 1})
    train(config=config)
    last = folder.joinpath("model.ckpt-20.toy").read_bytes()
    frame = draw_frame(30)
    energy = np.load("data/a/set.000/energy.npy")
    energy[frame] = 1e300
    np.save("data/a/set.000/energy.npy", energy)
    config = new_config(numb_steps=200, training_data=config["training"]["training_data"])
    message = rf"loss is (inf|nan) at step \d+, in system data/a, frame\(s\) {frame}\."
    with pytest.raises(TrainingError, match=message), np.errstate(over="ignore"):
        train(config=config, restart=folder / "model.ckpt-20.toy")
    assert folder.joinpath("model.ckpt-20.toy").read_bytes() == last
    assert not list(folder.glob(".*model.ckpt*"))


def draw_frame(step: int) -> int:
    """The frame that is drawn first at a step after 20, in data/a alone."""
    data = TrainingData({"systems": ["data/a"], "batch_size": 1}, ["O", "H"], seed=7)
    return [int(data.draw().frames[0]) for _ in range(step)][-1]


def test_parameters_that_are_not_finite_are_not_saved(folder, monkeypatch):
    train(config=new_config(numb_steps=8))

    def poison(self, gradient, lr):
        self.parameters["w"] = self.parameters["w"] * np.nan

    monkeypatch.setattr(ToyTrainer, "_adam", poison)
    with pytest.raises(TrainingError, match=r"after step 9 the parameter model\.w is not finite"):
        train(config=new_config(numb_steps=9), restart=folder / "model.ckpt-8.toy")
    assert folder.joinpath("checkpoint").read_text() == "model.ckpt-8.toy"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_with_a_checkpoint_to_go_on_from(folder, monkeypatch, number):
    train()
    folder.joinpath("model.ckpt-20.toy").rename("whole.toy")
    before = signal.getsignal(number)
    step = ToyTrainer.step

    def interrupted(self, prepared, lr):
        if self.moments["step"] == 10:
            os.kill(os.getpid(), number)
        return step(self, prepared, lr)

    with monkeypatch.context() as patch:
        patch.setattr(ToyTrainer, "step", interrupted)
        result = train()
    assert (result.step, result.signal) == (11, number)
    assert result.checkpoint.name == "model.ckpt-11.toy"
    assert signal.getsignal(number) is before
    train(restart=folder / "model.ckpt-11.toy")
    assert_same_checkpoint("whole.toy", "model.ckpt-20.toy")


def test_a_second_interrupt_acts_at_once(monkeypatch):
    def impatient(self, prepared, lr):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(ToyTrainer, "step", impatient)
    # a shell ignores it for what it runs in the background
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            train()
    finally:
        signal.signal(signal.SIGINT, before)


def test_sel_auto_is_settled_and_the_smallest_distance_kept(folder):
    config = new_config(numb_steps=1)
    config["model"]["descriptor"]["sel"] = "auto"
    train(config=config)
    state = read_state("model.ckpt.toy")
    sel = state.model["model_def_script"]["descriptor"]["sel"]
    assert len(sel) == 2
    assert all(number % 4 == 0 for number in sel)
    assert 0 < state.model["min_nbor_dist"] < 3
    assert json.loads(folder.joinpath("out.json").read_text())["model"]["descriptor"]["sel"] == sel
    config = new_config(numb_steps=1)
    config["model"]["descriptor"]["sel"] = "auto"
    with pytest.raises(InputError, match="leave out --skip-neighbor-stat"):
        train(config=config, skip_neighbor_stat=True)


@pytest.mark.parametrize(
    ("steps", "late"),
    [
        ({"numb_steps": 10}, "deepmd.train.run._open_data"),
        ({"numb_epoch": 1.5, "numb_steps": None}, "deepmd.train.sel.neighbor_statistics"),
    ],
)
def test_the_schedule_is_checked_as_soon_as_its_steps_are_known(folder, monkeypatch, steps, late):
    def is_late(*arguments):
        raise AssertionError(f"{late} was called")

    monkeypatch.setattr(late, is_late)
    config = new_config(**steps)
    config["learning_rate"]["stop_lr_ratio"] = 0.1
    with pytest.raises(InputError, match="give one of stop_lr and stop_lr_ratio, not both"):
        train(config=config)


def test_epochs_instead_of_steps(folder):
    config = new_config(numb_epoch=1.5)
    del config["training"]["numb_steps"]
    assert train(config=config).step == 15
    assert json.loads(folder.joinpath("out.json").read_text())["training"]["numb_steps"] == 15


def test_disp_avg_shows_means_over_the_interval(monkeypatch):
    losses = iter(range(1, 11))
    monkeypatch.setattr(ToyTrainer, "step", lambda self, prepared, lr: {"loss": 1.0, "rmse": float(next(losses))})
    config = new_config(numb_steps=10, disp_avg=True, validation_data=None)
    train(config=config)
    assert read_lcurve("lcurve.out")["rmse_trn"].tolist() == [1.0, 3.5, 8.0]


def test_nothing_is_displayed_where_that_is_not_wanted(folder):
    train(config=new_config(disp_training=False))
    assert folder.joinpath("lcurve.out").read_text() == ""


@pytest.mark.parametrize(
    ("seconds", "training", "said"),
    [
        (0.1, {}, None),
        (
            2.5,
            {},
            "step 14 is done, 2.5 s per step: step 200, the next line, in 0:07:45; step 40,000, the end, in 1 d 3 h.",
        ),
        (40, {"disp_freq": 300_000}, "step 2 is done, 40 s per step: step 40,000, the end, in 18 d 12 h."),
        (2.5, {"disp_training": False}, "step 14 is done, 2.5 s per step: step 40,000, the end, in 1 d 3 h."),
        (10, {"disp_freq": 2}, None),
    ],
)
def test_a_slow_training_says_once_when_its_next_line_comes(monkeypatch, caplog, seconds, training, said):
    """The clock stands but for the steps, of which the first takes twenty times as long."""
    now = [0.0]

    def step(self, prepared, lr):
        now[0] += seconds if now[0] else 20 * seconds
        if now[0] > 60 * seconds:
            os.kill(os.getpid(), signal.SIGINT)
        return {"loss": 1.0, "rmse": 1.0}

    monkeypatch.setattr(ToyTrainer, "step", step)
    monkeypatch.setattr(slow_training.time, "monotonic", lambda: now[0])
    caplog.set_level(logging.INFO)
    train(config=new_config(**{"numb_steps": 40_000, "disp_freq": 200, "validation_data": None} | training))
    lines = [message for message in caplog.messages if "s per step" in message]
    assert lines == ([said] if said else [])


def test_a_first_step_that_takes_long_is_said(monkeypatch, caplog):
    monkeypatch.setattr(slow_training, "SECONDS", 0.0)
    monkeypatch.setattr(ToyTrainer, "step", lambda *_: time.sleep(0.05) or {"loss": 1.0, "rmse": 1.0})
    caplog.set_level(logging.INFO)
    train(config=new_config(numb_steps=2, validation_data=None))
    assert sum("first step has taken" in message for message in caplog.messages) == 1


def test_wrong_data_are_found_before_the_first_step(folder):
    energy = np.load("data/b/set.000/energy.npy")
    energy[4] = np.nan
    np.save("data/b/set.000/energy.npy", energy)
    with pytest.raises(DataError, match=r"data/b/set\.000/energy\.npy: frame 4 holds nan"):
        train()
    assert not folder.joinpath("model.ckpt.toy").exists()


def test_an_error_in_the_prefetch_thread_comes_at_its_step():
    data = TrainingData({"systems": ["data"], "batch_size": 2}, ["O", "H"], [DataRequirement("energy", 1)], seed=1)
    calls = []

    def prepare(batch):
        calls.append(batch.frames.tolist())
        if len(calls) == 3:
            raise ValueError("third")
        return len(calls)

    with Prefetcher(data, prepare, 6) as prefetcher:
        assert [prefetcher.get().content, prefetcher.get().content] == [1, 2]
        with pytest.raises(ValueError, match="third"):
            prefetcher.get()


def test_batches_are_prepared_ahead_but_the_state_is_that_of_the_step():
    data = TrainingData({"systems": ["data"], "batch_size": 2}, ["O", "H"], seed=1)
    with Prefetcher(data, lambda batch: None, 10) as prefetcher:
        assert [prefetcher.get().state["drawn"] for _ in range(10)] == list(range(1, 11))


def test_the_loop_costs_little(monkeypatch):
    monkeypatch.setattr(ToyTrainer, "prepare", lambda self, batch: None)
    monkeypatch.setattr(ToyTrainer, "step", lambda self, prepared, lr: {"loss": 1.0, "rmse": 1.0})
    config = new_config(numb_steps=1000, disp_freq=1000, save_freq=1000, validation_data=None)
    begin = time.perf_counter()
    train(config=config)
    # below 1 ms a step where the machine is free
    assert time.perf_counter() - begin < 5.0


@pytest.fixture
def optional_labels(monkeypatch):
    """The toy looks at energy, force and virial where they are there; only system a has forces, none a virial."""
    np.save("data/a/set.000/force.npy", np.zeros((10, 12)))
    Path("data/b/set.000/force.npy").unlink()
    labels = [DataRequirement("energy", 1), DataRequirement("force", 3, atomic=True), DataRequirement("virial", 9)]
    monkeypatch.setattr(ToyTrainer, "requirements", labels)

    def look_at(*names):
        monkeypatch.setattr(ToyTrainer, "label_sets", tuple((name,) for name in names))

    return look_at


def test_labels_that_no_system_has_are_named(optional_labels):
    Path("data/a/set.000/force.npy").unlink()
    optional_labels("energy", "force")
    with pytest.raises(DataError, match=r"no force in the training data \(data/a, data/b\), but the loss"):
        train()


def test_labels_of_atoms_are_named_as_files_may_have_them():
    with pytest.raises(DataError, match=r"no atom_x \(or atomic_x\) in the training data"):
        check_labels([], (("atom_x",),))


def test_virials_may_be_missing(optional_labels, caplog):
    """Inputs give weight to them by habit."""
    optional_labels("energy", "virial")
    train()
    assert "2 of 2 systems have no virial, which is left out of the loss there: data/a, data/b." in caplog.text


def test_a_system_without_any_label_of_the_loss_is_named(optional_labels, caplog):
    optional_labels("force")
    train()
    assert "system data/b has no label that the loss looks at (force): nothing is learned from it" in caplog.text


def test_labels_that_some_systems_lack_are_said(optional_labels, caplog):
    optional_labels("energy", "force")
    train()
    assert "1 of 2 systems have no force, which is left out of the loss there: data/b." in caplog.text


@pytest.mark.parametrize(
    ("method", "metrics", "message"),
    [
        ("step", {"loss": -1.0, "rmse": np.nan}, "the rmse is nan at step 1, in system data/"),
        ("step", {"loss": 1.0, "rmse": 1.0, "rmse_e": np.inf}, "the rmse_e is inf at step 1, in system data/"),
        ("evaluate", {"loss": np.nan, "rmse": np.nan}, "the loss is nan in the validation data, system data/b, frame"),
    ],
)
def test_a_figure_that_is_not_finite_ends_the_training(monkeypatch, method, metrics, message):
    monkeypatch.setattr(ToyTrainer, method, lambda self, prepared, lr: metrics)
    with pytest.raises(TrainingError, match=message) as raised:
        train()
    assert "Last checkpoint: none in this run." in str(raised.value)


def test_a_batch_without_any_label_has_no_total(monkeypatch, caplog):
    """Its loss is 0 of nothing, which is no small error."""
    monkeypatch.setattr(ToyTrainer, "step", lambda *_: {"loss": 0.0, "rmse": 0.0, "rmse_dos": np.nan})
    monkeypatch.setattr(ToyTrainer, "evaluate", lambda *_: {"loss": 4.0, "rmse": 2.0, "rmse_dos": 2.0})
    caplog.set_level(logging.INFO)
    train(config=new_config(numb_steps=1))
    curve = read_lcurve("lcurve.out")
    assert np.isnan(curve["rmse_trn"]).all()
    assert curve["rmse_val"].tolist() == [2.0]
    (row,) = [message.split() for message in caplog.messages if " trn " in message]
    assert row[:4] == ["1", "trn", "-", "-"]


def test_metrics_without_labels_do_not_count_in_means():
    """Systems may have different labels; a loss that is not finite is seen all the same."""
    average = Average()
    average.add({"loss": 1.0, "rmse_a": 2.0, "rmse_b": np.nan, "rmse_c": np.nan}, weight=3.0)
    again = Average(json.loads(json.dumps(average.state())))
    again.add({"loss": 5.0, "rmse_a": np.nan, "rmse_b": 4.0, "rmse_c": np.nan}, weight=1.0)
    mean = again.take()
    assert (mean["loss"], mean["rmse_a"], mean["rmse_b"]) == (2.0, 2.0, 4.0)
    assert np.isnan(mean["rmse_c"])
    again.add({"loss": np.nan, "rmse_a": np.nan})
    again.add({"loss": 1.0, "rmse_a": 1.0})
    mean = again.take()
    assert np.isnan([mean["loss"], mean["rmse_a"]]).all()
