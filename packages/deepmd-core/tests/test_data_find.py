# SPDX-License-Identifier: LGPL-3.0-or-later
"""Which systems the key ``systems`` names."""

from __future__ import annotations

import h5py
import pytest
from toy_data import write_system

from deepmd.data import find_systems
from deepmd.errors import DataError


@pytest.fixture
def tree(tmp_path):
    for name in ("b/x", "a/y", "a/z"):
        write_system(tmp_path / name)
    return tmp_path


def test_a_folder_is_searched_to_its_depth(tree):
    assert find_systems(str(tree)) == [str(tree / name) for name in ("a/y", "a/z", "b/x")]


def test_a_list_is_taken_in_its_order(tree):
    assert find_systems([str(tree / "b"), str(tree / "a/z")]) == [str(tree / "b/x"), str(tree / "a/z")]


def test_a_name_that_is_not_there_comes_with_the_nearest(tree):
    write_system(tree / "data" / "valid")
    with pytest.raises(DataError, match=rf"there is no system .*; perhaps {tree}/data/valid is meant\."):
        find_systems(str(tree / "dta" / "valid"))
    with pytest.raises(DataError, match=r"there is no system \S* \(relative to \S*\)\.$"):
        find_systems(str(tree / "xyzzy"))


def test_patterns_choose_folders(tree):
    assert find_systems(str(tree), ["a/*"]) == [str(tree / "a/y"), str(tree / "a/z")]
    with pytest.raises(DataError, match=r"matching q\*"):
        find_systems(str(tree), ["q*"])


def test_links_are_followed(tree, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for name in ("one", "more/two"):
        write_system(elsewhere / name)
    (tree / "b" / "linked").symlink_to(elsewhere / "one")
    (tree / "c").symlink_to(elsewhere)
    # a circle, and a link to nothing
    (tree / "a" / "up").symlink_to(tree)
    (tree / "a" / "gone").symlink_to(tree / "none")
    found = find_systems(str(tree))
    assert found == [str(tree / name) for name in ("a/y", "a/z", "b/linked", "b/x", "c/more/two", "c/one")]
    assert find_systems(str(tree), ["two", "b/l*"]) == [str(tree / "b/linked"), str(tree / "c/more/two")]
    assert find_systems(str(tree / "b" / "linked")) == [str(tree / "b/linked")]


def test_groups_of_an_hdf5_file(tmp_path):
    path = tmp_path / "all.hdf5"
    with h5py.File(path, "w") as file:
        for name in ("deep/one", "deep/two", "flat"):
            file[f"{name}/type.raw"] = [0]
    names = ["deep/one", "deep/two", "flat"]
    assert find_systems(str(path)) == [f"{path}#/{name}" for name in names]
    assert find_systems(f"{path}#/deep") == [f"{path}#/{name}" for name in names[:2]]
    assert find_systems(f"{path}#/flat") == [f"{path}#/flat"]
    with pytest.raises(DataError, match="no group /none"):
        find_systems(f"{path}#/none")


def test_a_set_is_not_a_system(tmp_path):
    inner = tmp_path / "water" / "set.000"
    inner.mkdir(parents=True)
    (inner / "coord.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match="no system found"):
        find_systems(str(inner))
    (tmp_path / "water" / "type.raw").write_text("0")
    with pytest.raises(DataError, match=r"set\.000 is a set of frames; give the folder above, .*water, which"):
        find_systems(f"{inner}/")


def test_nothing_found(tmp_path):
    with pytest.raises(DataError, match="there is no system"):
        find_systems(str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"there is no system .*data/\*.*`\*` is no wildcard here"):
        find_systems(str(tmp_path / "data/*"))
    with pytest.raises(DataError, match="`~` is not expanded here"):
        find_systems("~/none")
    with pytest.raises(DataError, match="no system found"):
        find_systems(str(tmp_path))
    with pytest.raises(DataError, match="empty list"):
        find_systems([])
