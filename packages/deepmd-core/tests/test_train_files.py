# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a training writes: the learning curve, checkpoints, and lines for people."""

from __future__ import annotations

import logging
import re
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import toy_backend
from toy_backend import ToyTrainer

from deepmd.backend.model_files import read_state
from deepmd.errors import InputError, ModelFileError, TrainingError
from deepmd.log import set_up_logging
from deepmd.train import TrainingState
from deepmd.train.checkpoint import CheckpointStore, find_checkpoint
from deepmd.train.display import Clock, PlainDisplay, TerminalDisplay, format_metrics, make_display
from deepmd.train.lcurve import NOTE, LearningCurve, read_lcurve
from deepmd.train.rows import Rows

TRAIN = {"loss": 9.0, "rmse": 26.5, "rmse_f": 0.838, "rmse_e": 0.0634, "l2_ener_loss": 3.0}
VALID = {"loss": 8.0, "rmse": 26.7, "rmse_f": 0.844, "rmse_e": 0.0587}
# as `dp --pt train` of deepmd-kit 3.2.0 wrote them, but for the comment's words
WITH_VALIDATION = (
    "# step       rmse_val    rmse_trn    rmse_e_val  rmse_e_trn    rmse_f_val  rmse_f_trn   lr      \n",
    "      1      2.67e+01    2.65e+01      5.87e-02    6.34e-02      8.44e-01    8.38e-01    1.0e-03\n",
)
WITHOUT_VALIDATION = (
    "# step       rmse_trn    rmse_e_trn    rmse_f_trn   lr      \n",
    "      1      2.65e+01      6.34e-02      8.38e-01    1.0e-03\n",
)


@pytest.fixture(autouse=True)
def working_directory(tmp_path, monkeypatch):
    toy_backend.install(monkeypatch)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("valid", "expected"), [(VALID, WITH_VALIDATION), ({}, WITHOUT_VALIDATION)])
def test_learning_curve_has_deepmd_kits_columns(valid, expected):
    with LearningCurve("out/lcurve.out") as curve:
        curve.write(1, TRAIN, valid, 1e-3)
    assert Path("out/lcurve.out").read_text() == expected[0] + NOTE + expected[1]


def write_steps(steps, restart_step=None, valid=VALID):
    with LearningCurve("lcurve.out", restart_step) as curve:
        for step in steps:
            curve.write(step, TRAIN, valid, 1e-3)


def test_a_restart_drops_the_rows_after_its_step():
    write_steps([1, 100, 200, 300])
    with open("lcurve.out", "a") as file:
        file.write("    40")  # a row cut short by a crash
    write_steps([200, 300], restart_step=150)
    whole = Path("lcurve.out").read_text()
    assert read_lcurve("lcurve.out")["step"].tolist() == [1, 100, 200, 300]
    write_steps([1, 100, 200, 300])
    assert Path("lcurve.out").read_text() == whole


def test_other_columns_after_a_restart_begin_a_new_file(caplog):
    write_steps([1, 100])
    write_steps([200], restart_step=100, valid={})
    assert read_lcurve("lcurve.out")["step"].tolist() == [200]
    assert read_lcurve("backup.1/lcurve.out")["step"].tolist() == [1, 100]
    assert "lcurve.out kept in backup.1" in caplog.text


def test_a_metric_without_validation_labels_is_nan():
    write_steps([1], valid={"rmse": 1.0})
    columns = read_lcurve("lcurve.out")
    assert np.isnan(columns["rmse_e_val"])
    assert columns["rmse_val"] == 1.0


def test_a_metric_without_labels_is_not_shown():
    shown = format_metrics({"rmse": 1.0, "rmse_v": 2.0}, {"rmse": 3.0, "rmse_v": np.nan}, 1e-3)
    assert shown == "trn: rmse = 1.000000e+00, rmse_v = 2.000000e+00; val: rmse = 3.000000e+00; lr = 1.000000e-03"


def test_a_learning_curve_that_a_crash_has_spoiled():
    write_steps([1, 100])
    with open("lcurve.out", "ab") as file:
        file.write(b"    110  \xff\0\0 1.0\n")
    with pytest.raises(InputError, match=r"lcurve\.out cannot be read: it is not text in UTF-8"):
        read_lcurve("lcurve.out")
    write_steps([200], restart_step=150)
    assert read_lcurve("lcurve.out")["step"].tolist() == [1, 100, 200]


@pytest.mark.parametrize("text", ["", "# step lr\n", "# step lr\n1 x\n", "1 2 3\n", "# step lr\n1 2 3\n"])
def test_what_is_no_learning_curve(text):
    with pytest.raises(InputError, match="no such file"):
        read_lcurve("lcurve.out")
    Path("lcurve.out").write_text(text)
    with pytest.raises(InputError, match="not a learning curve"):
        read_lcurve("lcurve.out")


def new_state(step, value=1.0):
    model = {"model": {"@variables": {"w": np.array([value])}}}
    return TrainingState(model, {}, step)


def names(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())


def test_checkpoints_are_numbered_linked_and_limited():
    store = CheckpointStore("run/model.ckpt", ".toy", max_keep=2)
    for step in (8, 90, 100):
        assert store.write(ToyTrainer, new_state(step)) == Path(f"run/model.ckpt-{step}.toy")
    assert names("run") == ["checkpoint", "model.ckpt-100.toy", "model.ckpt-90.toy", "model.ckpt.toy"]
    assert Path("run/model.ckpt.toy").is_symlink()
    assert read_state(Path("run/model.ckpt.toy")).step == 100
    assert Path("run/checkpoint").read_text() == "model.ckpt-100.toy"
    assert Path("checkpoint").read_text() == "run/model.ckpt-100.toy"
    assert find_checkpoint("run") == find_checkpoint(".") == Path("run/model.ckpt-100.toy")


def test_a_folder_may_be_written_in_full():
    store = CheckpointStore(str(Path("model.ckpt").absolute()), ".toy")
    store.write(ToyTrainer, new_state(3))
    assert find_checkpoint(".") == Path("model.ckpt-3.toy").absolute()
    assert store.pointers == [Path("checkpoint")]


class SplitTrainer(ToyTrainer):
    """Writes the step to a second file."""

    @classmethod
    def write_checkpoint(cls, path, state):
        super().write_checkpoint(path, state)
        Path(path).with_suffix(".part").write_text(str(state.step))


def test_the_files_of_a_checkpoint_stay_together():
    store = CheckpointStore("model.ckpt", ".toy", max_keep=1, companions=(".part",))
    for step in (5, 6):
        store.write(SplitTrainer, new_state(step))
    assert names() == ["checkpoint", *(f"model.ckpt{kind}" for kind in ("-6.part", "-6.toy", ".part", ".toy"))]
    assert Path("model.ckpt.part").is_symlink()
    assert Path("model.ckpt.part").read_text() == "6"


def test_all_checkpoints_are_kept_where_that_is_wanted():
    store = CheckpointStore("model.ckpt", ".toy", max_keep=0)
    for step in range(7):
        store.write(ToyTrainer, new_state(step))
    assert len(list(Path().glob("model.ckpt-*"))) == 7


def test_checkpoints_of_a_longer_training_before_go_first():
    for step in (500, 600):
        CheckpointStore("model.ckpt", ".toy").write(ToyTrainer, new_state(step))
    store = CheckpointStore("model.ckpt", ".toy", max_keep=3)
    store.write(ToyTrainer, new_state(10))
    assert {"model.ckpt-500.toy", "model.ckpt-600.toy"} < set(names())
    store.write(ToyTrainer, new_state(20))
    store.write(ToyTrainer, new_state(30))
    assert names() == ["checkpoint", *(f"model.ckpt-{step}.toy" for step in (10, 20, 30)), "model.ckpt.toy"]


def test_a_file_system_without_links_gets_a_copy(monkeypatch):
    def refuse(*args):
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    CheckpointStore("model.ckpt", ".toy").write(ToyTrainer, new_state(3))
    assert not Path("model.ckpt.toy").is_symlink()
    assert read_state(Path("model.ckpt.toy")).step == 3


def test_a_failed_write_leaves_what_was_there(monkeypatch):
    store = CheckpointStore("model.ckpt", ".toy")
    store.write(ToyTrainer, new_state(1))
    before = names()
    with pytest.raises(TrainingError, match=r"model\.w is not finite"):
        store.write(ToyTrainer, new_state(2, np.nan))

    def fail(path, state):
        Path(path).write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(ToyTrainer, "write_checkpoint", fail)
    with pytest.raises(OSError, match="disk full"):
        store.write(ToyTrainer, new_state(2))
    assert names() == before
    assert Path("checkpoint").read_text() == "model.ckpt-1.toy"


def test_finding_a_checkpoint():
    CheckpointStore("model.ckpt", ".toy").write(ToyTrainer, new_state(4))
    CheckpointStore("model.ckpt", ".other").write(ToyTrainer, new_state(5))
    assert find_checkpoint(".") == Path("model.ckpt-5.other")
    assert find_checkpoint("model.ckpt-4.toy") == Path("model.ckpt-4.toy")
    assert find_checkpoint("model.ckpt", ".other") == Path("model.ckpt.other")
    assert find_checkpoint("model.ckpt-4") == Path("model.ckpt-4.toy")


def test_no_checkpoint_found():
    with pytest.raises(ModelFileError, match=r"no checkpoint model\.ckpt; looked for model\.ckpt, model\.ckpt\.toy"):
        find_checkpoint("model.ckpt", ".toy")
    with pytest.raises(ModelFileError, match="no file `checkpoint` here"):
        find_checkpoint(".")
    Path("checkpoint").write_text("gone.toy")
    with pytest.raises(ModelFileError, match=r"names gone\.toy, which is not there"):
        find_checkpoint(".")


def test_brackets_in_a_name_are_no_pattern():
    store = CheckpointStore("run[1]*?", ".toy", max_keep=2)
    for step in range(4):
        store.write(ToyTrainer, new_state(step))
    assert names() == ["checkpoint", "run[1]*?-2.toy", "run[1]*?-3.toy", "run[1]*?.toy"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "checkpoint is empty"),
        (b"\0\0\0", "checkpoint is empty"),
        (b"\xff\xfe", "which is not there"),
        (b"model.ckpt-9.toy", "which is not there"),
        (b"x" * 5000, "which is not there"),
        (None, "no file `checkpoint` here"),
    ],
)
def test_without_the_text_file_the_newest_whole_checkpoint_is_taken(content, reason, caplog):
    for step in (4, 5, 6):
        CheckpointStore("model.ckpt", ".toy").write(ToyTrainer, new_state(step))
    Path("model.ckpt-6.toy").write_bytes(Path("model.ckpt-6.toy").read_bytes()[:-9])
    Path("notes-7.toy").mkdir()
    Path("checkpoint").unlink()
    if content is not None:
        Path("checkpoint").write_bytes(content)
    assert find_checkpoint(".") == Path("model.ckpt-5.toy")
    (line,) = caplog.messages
    assert reason in line and line.endswith("the newest whole checkpoint is taken: model.ckpt-5.toy")


def test_a_damaged_newest_checkpoint_is_passed_over(caplog):
    for step in (4, 5, 6):
        CheckpointStore("model.ckpt", ".toy").write(ToyTrainer, new_state(step))
    for step in (6, 5):
        Path(f"model.ckpt-{step}.toy").write_bytes(b"damaged")
    assert find_checkpoint(".") == Path("model.ckpt-4.toy")
    (line,) = caplog.messages
    assert line == (
        "model.ckpt-6.toy, which checkpoint names, is damaged; the newest whole checkpoint is taken: model.ckpt-4.toy"
    )
    Path("model.ckpt-4.toy").write_bytes(b"")
    with pytest.raises(
        ModelFileError, match=r"model\.ckpt-6\.toy, which checkpoint names, is damaged; there is no whole"
    ):
        find_checkpoint(".")


def test_clock_tells_rate_and_time_left():
    clock = Clock(total=1000)
    assert clock.mark(1, now=10.0) is None
    assert clock.mark(101, now=20.0) == (10.0, timedelta(seconds=90))
    assert clock.mark(301, now=30.0) == (15.0, timedelta(seconds=47))


def test_plain_lines(caplog):
    with caplog.at_level(logging.INFO), PlainDisplay(100) as display:
        display.advance(1)
        display.row(1, TRAIN, VALID, 1e-3)
        display.row(50, TRAIN, {}, 5e-4)
    assert caplog.messages[:4] == [
        "   batch         rmse   rmse_e   rmse_f       lr  steps/s     left",
        "                       eV/atom     eV/Å",
        "       1 trn 2.65e+01 6.34e-02 8.38e-01  1.0e-03",
        "         val 2.67e+01 5.87e-02 8.44e-01",
    ]
    (last,) = caplog.messages[4:]
    assert last.startswith("      50 trn 2.65e+01 6.34e-02 8.38e-01  5.0e-04")
    assert last.endswith("  0:00:00")


@pytest.mark.parametrize(
    "terms", [["e"], ["e", "f", "v"], ["ae", "e", "f", "pf", "v"], ["global_dipole", "local_dipole"]]
)
def test_lines_fit_and_are_aligned(terms, caplog):
    metrics = {"loss": 1.0, "rmse": 1.0, **{f"rmse_{term}": 0.5 for term in terms}}
    with caplog.at_level(logging.INFO), PlainDisplay(10**6) as display:
        for step in (1, 10, 10**6):
            display.row(step, metrics, metrics, 1e-3)
    titles, rows = caplog.messages[0], caplog.messages[-6:]
    assert max(map(len, caplog.messages)) <= 80
    for name in ("rmse", *(f"rmse_{term}" for term in terms), "lr"):
        end = re.search(rf" {name}(?= |$)", titles).end()
        assert all(row[end - 1] != " " and row[end : end + 1] in ("", " ") for row in rows[::2])


def test_many_metrics_stand_under_names_of_several_lines():
    """Those of populations."""
    names = "mae pop_alpha_total_loss pop_beta_total_loss pop_loss rmse spin_loss spin_total spin_total_loss"
    metrics, rows = dict.fromkeys(names.split(), 1.0), Rows()
    lines = [*rows.head(metrics), *rows.row(3, metrics, metrics, 1e-3, None)]
    assert max(map(len, lines)) <= 80
    assert lines[0] == "in lcurve.out only: spin_total, spin_total_loss"
    assert [line.split()[0] for line in lines[1:4]] == ["pop_", "alpha_", "total_"]
    assert lines[4] == "   batch          mae     loss     loss pop_loss     rmse     loss       lr"
    assert lines[5] == "       3 trn 1.00e+00 1.00e+00 1.00e+00 1.00e+00 1.00e+00 1.00e+00  1.0e-03"


def test_long_times_are_short():
    (line,) = Rows().row(1, {}, {}, 1e-3, (0.01, timedelta(days=12, hours=3, minutes=4)))
    assert line.split()[-4:] == ["12", "d", "3", "h"]


def test_other_terms_get_a_head_of_their_own(caplog):
    with caplog.at_level(logging.INFO), PlainDisplay(100) as display:
        display.row(1, TRAIN, {}, 1e-3)
        display.row(2, {"rmse": 1.0}, {}, 1e-3)
    assert [message.split()[0] for message in caplog.messages] == ["batch", "eV/atom", "1", "batch", "2"]


def test_a_log_file_has_the_full_figures(tmp_path, capsys):
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        set_up_logging(logging.INFO, str(tmp_path / "log"), ["deepmd"])
        with PlainDisplay(100) as display:
            display.row(1, TRAIN, VALID, 1e-3)
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers, root.level = handlers, level
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ INFO +deepmd.train.display: batch 1: trn: rmse = ", line)
    assert line.endswith(format_metrics(TRAIN, VALID, 1e-3))
    assert "lr = 1.000000e-03" in line
    assert len(capsys.readouterr().err.splitlines()) == 4


def test_times_are_left_out_where_that_is_wanted(caplog):
    with caplog.at_level(logging.INFO), PlainDisplay(100, show_time=False) as display:
        display.row(1, TRAIN, {}, 1e-3)
        display.row(50, TRAIN, {}, 1e-3)
    assert "steps/s" not in caplog.text


def test_terminal_display_keeps_log_lines(capsys, monkeypatch):
    root = logging.getLogger()
    handler = logging.StreamHandler(sys.stderr)
    monkeypatch.setattr(root, "handlers", [handler])
    monkeypatch.setattr(logging.getLogger("deepmd"), "level", logging.INFO)
    with TerminalDisplay(0, 100) as display:
        assert handler.stream is sys.stderr
        display.advance(50)
        display.row(50, TRAIN, {}, 1e-3)
        display.row(60, TRAIN, {}, 1e-3)
    assert handler.stream is sys.stderr
    captured = capsys.readouterr()
    assert "      50 trn 2.65e+01" in captured.err
    assert captured.out == ""


def test_the_display_fits_where_it_goes():
    assert isinstance(make_display(0, 10), PlainDisplay), "standard error is no terminal under pytest"
    assert isinstance(make_display(0, 10, terminal=True), TerminalDisplay)
