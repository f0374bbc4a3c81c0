# SPDX-License-Identifier: LGPL-3.0-or-later
"""Files appear whole or not at all."""

from __future__ import annotations

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
