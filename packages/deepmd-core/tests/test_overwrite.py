# SPDX-License-Identifier: LGPL-3.0-or-later
"""No command destroys what it reads, or a folder, and what the system refuses is one line."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
import toy_backend
import toy_training

from deepmd import main as dp
from deepmd.backend import discovery


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """With a trained model, and a folder DIR that holds a file."""
    toy_backend.install(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DP_BACKEND", "toy")
    monkeypatch.setattr(discovery, "registered_packages", lambda: ())
    monkeypatch.setattr(logging.getLogger(), "handlers", list(logging.getLogger().handlers))
    monkeypatch.setattr(logging.getLogger("deepmd"), "level", logging.getLogger("deepmd").level)
    toy_training.prepare(tmp_path)
    dp.main(["train", "input.json", "-v", "ERROR"])
    dp.main(["freeze", "-o", "model", "-v", "ERROR"])
    for name in ("DIR", "DIR.toymodel", "DIR.png", "new.e.out"):
        Path(name).mkdir()
        Path(name, "kept").touch()
    shutil.copy("lcurve.out", "lcurve.png")
    Path("odd.json").write_bytes(b'{"a": "\xff"}')
    Path("odd.list").write_bytes(b"data\xff\n")
    Path("odd").mkdir()
    shutil.copytree("data", "odd/data")
    Path("odd/data/type_map.raw").write_bytes(b"O\xff H")
    return tmp_path


def all_files(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def change_input(**training):
    config = json.loads(Path("input.json").read_text())
    config["training"] |= training
    Path("input.json").write_text(json.dumps(config))


def fails(arguments, capsys):
    """The one line in which a command ends that has changed nothing."""
    before = all_files(Path())
    with pytest.raises(SystemExit) as stop:
        dp.main([*arguments, "-v", "ERROR"])
    assert all_files(Path()) == before
    line = str(stop.value.code)
    assert line.startswith("dp: error: ") and "\n" not in line
    return line


MODEL, DATA = ("-m", "model.toymodel"), ("-s", "data")
MODELS = ("-m", "model.toymodel", "model.toymodel")


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "input.json", "-o", "DIR"),
        ("train", "input.json", "-o", "data"),
        ("freeze", "-o", "DIR.toymodel"),
        ("freeze", "-o", "DIR"),
        ("convert-backend", "model.toymodel", "DIR.toymodel"),
        ("model-devi", *MODELS, *DATA, "-o", "DIR"),
        ("test", *MODEL, *DATA, "--plot", "DIR.png"),
        ("test", *MODEL, *DATA, "-d", "new"),
        ("plot", "lcurve.out", "-o", "DIR.png"),
    ],
    ids=" ".join,
)
def test_a_folder_is_never_replaced(arguments, capsys):
    assert "is a folder; give the name of a file" in fails(arguments, capsys)


@pytest.mark.parametrize("key", ["disp_file", "save_ckpt"])
def test_nor_by_a_training(key, capsys):
    change_input(**{key: "DIR"})
    Path("DIR.toy").mkdir()
    assert "is a folder" in fails(["train", "input.json"], capsys)
    change_input(disp_file="lcurve.out", save_ckpt="model.ckpt")
    Path("checkpoint").unlink()
    Path("checkpoint").mkdir()
    assert "checkpoint is a folder" in fails(["train", "input.json"], capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "input.json", "-o", "input.json"),
        ("train", "input.json", "-o", "./DIR/../input.json"),
        ("train", "input.json", "-r", "model.ckpt-8.toy", "-o", "model.ckpt-8.toy"),
        ("train", "input.json", "-l", "input.json"),
        ("freeze", "-o", "data/type.raw"),
        ("model-devi", *MODELS, *DATA, "-o", "model.toymodel"),
        ("model-devi", *MODELS, *DATA, "-o", "data/type.raw"),
        ("model-devi", *MODELS, *DATA, "-o", "data/set.000/coord.npy"),
        ("test", *MODEL, *DATA, "-l", "model.toymodel"),
        ("plot", "lcurve.png"),
        ("plot", "lcurve.out", "-l", "lcurve.out"),
    ],
    ids=" ".join,
)
def test_nothing_that_is_read_is_overwritten(arguments, capsys):
    if arguments[:3] == ("freeze", "-o", "data/type.raw"):
        Path("data/type.raw.toymodel").symlink_to("type.raw")
    assert "would be overwritten" in fails(arguments, capsys)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"disp_file": "data/type.raw"}, "data/type.raw is a file of a data system"),
        ({"disp_file": "input.json"}, "input.json is read by this command"),
        ({"disp_file": "out.json"}, "out.json would be written twice"),
        ({"save_ckpt": ""}, "save_ckpt is ''"),
        ({"disp_file": ""}, "no name of a file"),
        ({"disp_file": "x" * 300}, "File name too long"),
    ],
)
def test_nor_by_what_an_input_says(settings, message, capsys):
    change_input(**settings)
    assert message in fails(["train", "input.json"], capsys)


def test_nor_hdf5_data(capsys):
    with h5py.File("data.hdf5", "w") as file:
        file["a/type.raw"] = [0, 1, 1]
    assert "would be overwritten" in fails(["model-devi", *MODELS, "-s", "data.hdf5#/a", "-o", "data.hdf5"], capsys)


LONG = "x" * 300


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "odd.json"), "odd.json cannot be read: it is not text in UTF-8 (byte 7)"),
        (("train", LONG), "File name too long"),
        (("train", "DIR"), "DIR is a folder; expected the input of a training"),
        (("train", "input.json", "-o", LONG), "File name too long"),
        (("train", "input.json", "-o", ""), "no name of a file"),
        (("train", "input.json", "-l", "DIR"), "DIR: Is a directory"),
        (("train", "input.json", "-l", "absent/log"), "absent/log: No such file or directory"),
        (("train", "input.json", "-r", LONG), "File name too long"),
        (("freeze", "-c", LONG), "File name too long"),
        (("freeze", "-o", f"{LONG}.toymodel"), "File name too long"),
        (("freeze", "-o", "absent/model.toymodel"), "there is no folder"),
        (("freeze", "-o", "input.json/model.toymodel"), "input.json is no folder"),
        (("test", "-m", LONG, *DATA), "File name too long"),
        (("test", *MODEL, "-s", LONG), "File name too long"),
        (("test", *MODEL, "-f", "odd.list"), "odd.list cannot be read: it is not text in UTF-8"),
        (("test", *MODEL, "-s", "odd/data"), "type_map.raw cannot be read: it is not text in UTF-8"),
        (("neighbor-stat", "-s", "odd/data", "-r", "3"), "type_map.raw cannot be read: it is not text in UTF-8"),
        (("test", *MODEL, *DATA, "-d", "absent/x"), "there is no folder"),
        (("model-devi", *MODELS, *DATA, "-o", ""), "no name of a file"),
        (("model-devi", *MODELS, *DATA, "-o", "absent/x"), "there is no folder"),
        (("eval-desc", *MODEL, *DATA, "-o", "input.json"), "input.json"),
        (("eval-desc", *MODEL, *DATA, "-o", LONG), "File name too long"),
        (("plot", LONG), "File name too long"),
        (("plot", "odd.json"), "odd.json"),
        (("show", "DIR.toymodel"), "Is a directory"),
        (("convert-backend", LONG, "x.toymodel"), "File name too long"),
    ],
    ids=lambda value: " ".join(value).replace(LONG, "LONG") if isinstance(value, tuple) else "",
)
def test_what_the_system_refuses_is_one_line(arguments, message, capsys):
    assert message in fails(arguments, capsys)


def run_apart(arguments, **options):
    command, environment = toy_training.command(*arguments)
    return subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=False, **options)


def test_a_folder_that_was_removed(folder):
    """That a command runs in."""
    gone = folder / "gone"
    gone.mkdir()
    command, environment = toy_training.command("train", str(folder / "input.json"))
    code = f"import os, sys\nos.rmdir({str(gone)!r})\nos.execv(sys.executable, {command!r})"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=gone, env=environment, stderr=subprocess.PIPE, text=True, check=False
    )
    assert result.returncode == 1
    backend, error = result.stderr.splitlines()
    assert backend.startswith("backend: ") and error.startswith("dp: error: ")


def test_standard_output_on_a_full_disk():
    with open("/dev/full", "w") as full:
        result = run_apart(["doc-train-input"], stdout=full)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line == "dp: error: No space left on device: free some of the disk that this command writes to."


def obey_permissions():
    """Takes CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH from what is executed next: without them root is like others."""
    for capability in (1, 2) if os.geteuid() == 0 else ():
        assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP


def refused(path, mode, arguments):
    """The line in which a command ends while a file or folder has other permissions."""
    before = path.stat().st_mode
    path.chmod(mode)
    result = run_apart([*arguments, "-v", "ERROR"], preexec_fn=obey_permissions)
    path.chmod(before)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("dp: error: ") and "ermission" in line
    return line


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "input.json"),
        ("train", "input.json", "-r", "."),
        ("freeze", "-o", "new.toymodel"),
        ("freeze", "-o", "model.toymodel"),
        ("convert-backend", "model.toymodel", "x.othermodel"),
        ("compress", "-i", "model.toymodel", "-o", "x.toymodel", "--precision", "float32"),
        ("model-devi", *MODELS, *DATA),
        ("test", *MODEL, *DATA, "-d", "x"),
        ("eval-desc", *MODEL, *DATA),
        ("plot", "lcurve.out"),
    ],
    ids=" ".join,
)
def test_a_folder_without_permission(folder, arguments):
    before = all_files(folder)
    refused(folder, 0o555, arguments)
    assert all_files(folder) == before


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("input.json", ("train", "input.json")),
        ("model.ckpt-8.toy", ("train", "input.json", "-r", "model.ckpt-8.toy")),
        ("checkpoint", ("train", "input.json", "-r", ".")),
        ("checkpoint", ("freeze",)),
        ("model.toymodel", ("convert-backend", "model.toymodel", "x.othermodel")),
        ("model.toymodel", ("test", *MODEL, *DATA)),
        ("model.toymodel", ("show", "model.toymodel")),
        ("model.toymodel", ("model-devi", *MODELS, *DATA)),
        ("data/set.000/coord.npy", ("test", *MODEL, *DATA)),
        ("data/set.000/coord.npy", ("train", "input.json")),
        ("data/type.raw", ("test", *MODEL, *DATA)),
        ("data/set.000", ("test", *MODEL, *DATA)),
        ("data", ("train", "input.json")),
        ("lcurve.out", ("plot", "lcurve.out")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_a_file_without_permission(folder, name, arguments):
    assert Path(name).name in refused(folder / name, 0o000, arguments)


@pytest.mark.parametrize("limit", [0, 1000])
@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "input.json"),
        ("train", "input.json", "-r", "."),
        ("freeze", "-o", "model.toymodel"),
        ("convert-backend", "model.toymodel", "x.othermodel"),
        ("model-devi", *MODELS, *DATA),
        ("test", *MODEL, *DATA, "-d", "x"),
        ("plot", "lcurve.out"),
    ],
    ids=" ".join,
)
def test_a_disk_that_takes_no_more(folder, arguments, limit):
    """No file may grow beyond some bytes, which is what a full disk is to a command."""
    before = all_files(folder)

    def fill_up():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    result = run_apart([*arguments, "-v", "ERROR"], preexec_fn=fill_up)
    after = all_files(folder)
    assert not [path for path in after if path.name.startswith(".deepmd-")]
    if result.returncode == 0:
        assert limit == 1000  # all of its files are smaller
        return
    (line,) = result.stderr.splitlines()
    assert line.startswith("dp: error: ") and "File too large" in line
    models = [path for path in before if "model" in path.name]
    kept = [after.get(path, after.get(path.parent / "backup.1" / path.name)) for path in models]
    assert kept == [before[path] for path in models]
