# SPDX-License-Identifier: LGPL-3.0-or-later
"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from deepmd.errors import InputError
from deepmd.files import atomic_path
from deepmd.files.atomic import MARK
from deepmd.files.unfinished import PREFIX, Unfinished


def test_a_file_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "model.dp"
    path.write_text("old")
    with atomic_path(path) as temporary:
        assert temporary.name == path.name
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_companions_and_folders_come_along(tmp_path):
    folder = tmp_path / "model.savedmodel"
    for text in ("old", "new"):
        with atomic_path(folder) as temporary:
            (temporary / "variables").mkdir(parents=True)
            (temporary / "variables" / text).touch()
            temporary.with_suffix(".weights").write_text(text)
    assert [path.name for path in (folder / "variables").iterdir()] == ["new"]
    assert (tmp_path / "model.weights").read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_link_is_written_through(tmp_path):
    """Each of a model's files by its own link; also where there is no file at the end of it yet."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "first.pth").write_text("old")
    path, other = tmp_path / "model.dp", tmp_path / "model.weights"
    (tmp_path / "between").symlink_to("kept/first.pth")
    path.symlink_to("between")
    other.symlink_to(kept / "second")
    with atomic_path(path) as temporary:
        assert temporary.name == "model.dp"
        temporary.write_text("new")
        temporary.with_suffix(".weights").write_text("numbers")
    assert path.is_symlink() and other.is_symlink()
    assert (kept / "first.pth").read_text() == "new"
    assert (kept / "second").read_text() == "numbers"
    assert len(list(kept.iterdir())) == 2


def test_a_link_takes_the_place_of_a_link(tmp_path):
    path = tmp_path / "newest"
    for name in ("first", "second"):
        (tmp_path / name).write_text(name)
        with atomic_path(path) as temporary:
            temporary.symlink_to(name)
    assert (tmp_path / "first").read_text() == "first"
    assert path.is_symlink() and path.read_text() == "second"


def test_a_file_does_not_take_the_place_of_a_folder(tmp_path):
    path = tmp_path / "model.dp"
    (path / "part").mkdir(parents=True)
    with pytest.raises(InputError, match=r"model\.dp is a folder; give the name"), atomic_path(path) as temporary:
        temporary.write_text("new")
    assert (path / "part").is_dir()


def test_only_a_folder_that_was_written_here_is_replaced(tmp_path):
    for name, marked in (("foreign", False), ("ours", True)):
        path = tmp_path / name
        if marked:
            write_folder(path, "old")
        else:
            path.mkdir()
            (path / "old").touch()
        with nullcontext() if marked else pytest.raises(InputError, match="foreign is a folder"):
            write_folder(path, "new")
        assert (path / ("new" if marked else "old")).is_file()
    with pytest.raises(InputError, match="ours is a folder"), atomic_path(tmp_path / "ours") as temporary:
        temporary.write_text("a file")
    assert (tmp_path / "ours" / "new").is_file()


def write_folder(path, name):
    with atomic_path(path) as temporary:
        temporary.mkdir()
        (temporary / name).touch()


def test_a_file_does_not_take_the_place_of_a_device(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(InputError, match="pipe is no file"), atomic_path(path) as temporary:
        temporary.write_text("new")
    assert path.is_fifo()


def test_a_link_to_another_disk_that_is_no_rename_away(tmp_path, monkeypatch):
    def replace(source, target):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "replace", replace)
    message = r"model\.dp cannot be written: .*cross-device"
    with pytest.raises(InputError, match=message), atomic_path(tmp_path / "model.dp") as temporary:
        temporary.write_text("new")
    assert not list(tmp_path.iterdir())


class LibraryError(RuntimeError):
    """What a library makes of an error of the system."""


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "no space"),
        OSError(errno.EFBIG, "too large"),
        LibraryError("write failed (errno = 28, 'No space left on device')"),
    ],
    ids=["space", "size", "library"],
)
def test_a_full_disk_is_named_in_one_line(tmp_path, error):
    path = tmp_path / "model.dp"

    def write():
        with atomic_path(path) as outer, atomic_path(outer) as inner:
            inner.write_text("half")
            raise error

    with pytest.raises(InputError) as caught:
        write()
    reason = "File too large" if "large" in str(error) else "No space left on device"
    assert str(caught.value) == f"{path} cannot be written: {reason}."
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_seen_where_a_library_is_silent(tmp_path, monkeypatch):
    def write():
        with atomic_path(tmp_path / "model.dp"):
            raise LibraryError("unexpected pos 64 vs 0")

    with pytest.raises(LibraryError):
        write()
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=4096))
    with pytest.raises(InputError, match=r"model\.dp cannot be written: No space left on device"):
        write()


def write_half(path):
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        temporary.with_suffix(".weights").write_text("half")
        raise OSError("disk full")


@pytest.mark.parametrize("is_folder", [False, True])
def test_a_failure_leaves_all_as_it_was(tmp_path, is_folder):
    path = tmp_path / "model"
    write_folder(path, "part") if is_folder else path.write_text("old")
    with pytest.raises(OSError, match="disk full"):
        write_half(path)
    assert (path / "part").is_file() if is_folder else path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "no name of a file"),
        ("/proc/x.dp", "/proc/x.dp cannot be written"),
        ("x" * 300, "x cannot be written: File name too long"),
        ("x" * 300 + "/model.dp", "cannot be written: there is no folder|File name too long"),
        (f"{__file__}/model.dp", r"cannot be written: .*test_files\.py is no folder"),
        ("a\0b", "cannot be written"),
    ],
)
def test_where_nothing_can_be_written(name, message):
    with pytest.raises(InputError, match=message), atomic_path(name):
        pass


def test_a_missing_folder_is_named(tmp_path):
    with (
        pytest.raises(InputError, match=r"there is no folder .*absent; make it first"),
        atomic_path(tmp_path / "absent/x"),
    ):
        pass


def test_the_longest_name_that_a_system_takes(tmp_path):
    path = tmp_path / ("x" * 251 + ".dp")
    with atomic_path(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


def test_a_folder_that_is_removed_meanwhile_is_said(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()

    def write():
        with atomic_path(folder / "model.dp") as temporary:
            temporary.parent.rmdir()
            folder.rmdir()
            temporary.write_text("new")

    with pytest.raises(InputError, match=r"model\.dp cannot be written: No such file or directory"):
        write()


def test_all_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    """The file, its folder, then the rename, then the folder of the name."""
    calls = []
    fsync, replace = os.fsync, os.replace

    def noted(number):
        calls.append(os.path.basename(os.readlink(f"/proc/self/fd/{number}")))
        fsync(number)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(os, "replace", lambda *names: (calls.append("rename"), replace(*names)))
    with atomic_path(tmp_path / "model.dp") as outer, atomic_path(outer) as temporary:
        temporary.write_text("new")
    hidden = next(call for call in calls if call.startswith(PREFIX))
    assert calls == ["rename", "model.dp", hidden, "rename", tmp_path.name]


WRITES_SEVERAL = """
import os, sys
from pathlib import Path
from deepmd.files import atomic_path

place, last, how = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if last:
    count, replace = 0, os.replace
    def stop(*names):
        global count
        count += 1
        if count == last:
            if how == "kill":
                os.kill(os.getpid(), 9)
            raise PermissionError(13, "Permission denied", names[0], None, names[1])
        replace(*names)
    os.replace = stop
with atomic_path(place / "model.json") as temporary:
    temporary.write_text(how)
    temporary.with_suffix(".one").write_text(how)
    temporary.with_suffix(".two").write_text(how)
    temporary.with_suffix(".folder").mkdir()
    (temporary.with_suffix(".folder") / how).touch()
"""


def write_several(folder, last, how):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", WRITES_SEVERAL, str(folder), str(last), how]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def contents(folder):
    return {
        path.name: sorted(part.name for part in path.iterdir()) if path.is_dir() else path.read_text()
        for path in folder.iterdir()
    }


@pytest.mark.parametrize("last", [1, 2, 3, 4])
@pytest.mark.parametrize("how", ["kill", "fail"])
def test_several_files_are_replaced_as_one(tmp_path, last, how):
    """Whichever rename fails, or is the last before a kill: then the next one who writes there puts it right."""
    write_several(tmp_path, 0, "old")
    whole = contents(tmp_path)
    assert sorted(whole) == [f"model.{ending}" for ending in ("folder", "json", "one", "two")]
    result = write_several(tmp_path, last, how)
    assert result.returncode == -signal.SIGKILL if how == "kill" else "cannot be written: Permission" in result.stderr
    if how == "kill":
        with atomic_path(tmp_path / "other") as temporary:
            temporary.touch()
        (tmp_path / "other").unlink()
    assert contents(tmp_path) == whole


def test_where_there_was_nothing_nothing_is_left_of_a_kill(tmp_path):
    write_several(tmp_path, 3, "kill")
    assert len(list(tmp_path.iterdir())) > 1
    with atomic_path(tmp_path / "other") as temporary:
        temporary.touch()
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_what_another_process_is_writing_stays(tmp_path):
    code = "import sys\nfrom pathlib import Path\nfrom deepmd.files.unfinished import Unfinished\n"
    code += "folder = Unfinished(Path(sys.argv[1]))\nprint(folder.path.name, flush=True)\ninput()"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        name = other.stdout.readline().strip()
        with atomic_path(tmp_path / "model.dp") as temporary:
            temporary.touch()
        assert sorted(path.name for path in tmp_path.iterdir()) == [name, "model.dp"]
        other.kill()
    Unfinished._swept.clear()
    with atomic_path(tmp_path / "model.dp") as temporary:
        temporary.touch()
    assert [path.name for path in tmp_path.iterdir()] == ["model.dp"]


def test_a_spoiled_record_takes_nothing_back(tmp_path):
    leftover = tmp_path / f"{PREFIX}123456"
    (leftover / ".old").mkdir(parents=True)
    (leftover / ".record").write_text(json.dumps([["x", True]])[:5])
    with atomic_path(tmp_path / "model.dp") as temporary:
        temporary.mkdir()
    assert [path.name for path in (tmp_path / "model.dp").iterdir()] == [MARK]
    assert not leftover.exists()
