# SPDX-License-Identifier: LGPL-3.0-or-later
"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
from types import SimpleNamespace

import pytest

from deepmd.errors import InputError
from deepmd.files import atomic_path


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
    with pytest.raises(InputError, match=r"model\.dp is a folder; give another name"), atomic_path(path) as temporary:
        temporary.write_text("new")
    assert (path / "part").is_dir()


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
    (path / "part").mkdir(parents=True) if is_folder else path.write_text("old")
    with pytest.raises(OSError, match="disk full"):
        write_half(path)
    assert (path / "part").is_dir() if is_folder else path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "message"), [("", "no name of a file"), ("/proc/x.dp", "/proc/x.dp cannot be written")]
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
