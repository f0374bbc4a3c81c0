# SPDX-License-Identifier: LGPL-3.0-or-later
"""Rows found by entry points, on toys."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest
import toy_rows

from deepmd.errors import BackendError, InputError, ModelFileError
from deepmd.registry import (
    DESCRIPTOR,
    FITTING,
    MODEL,
    Row,
    check_backend,
    check_tree,
    default_name,
    find,
    find_class,
    installed,
    problems,
    rows,
    walk,
)

ROW = Row(name="pairs")
TWO = Row(name="two", is_default=True)


@pytest.fixture
def register(monkeypatch):
    """Makes ``name=value`` the only entry points of all groups."""

    def register(**points):
        monkeypatch.setattr(
            installed, "entry_points", lambda group: [EntryPoint(name, value, group) for name, value in points.items()]
        )
        installed.load.cache_clear()

    yield register
    monkeypatch.undo()
    toy_rows.forget()


@pytest.mark.parametrize("name", ["pairs", "pr", "old_pairs"])
def test_a_row_is_found_by_each_of_its_names(name):
    assert find(DESCRIPTOR, name) is toy_rows.PAIRS
    assert find_class(DESCRIPTOR, name) is toy_rows.Pairs


def test_a_class_is_imported_when_it_is_used():
    assert find(DESCRIPTOR, "joint").cls == "no_such_package:Joint"
    assert find_class(DESCRIPTOR, "cloud") is toy_rows.Pairs
    message = "descriptor 'joint' of toy_rows is installed but fails to import: No module named 'no_such_package'"
    with pytest.raises(ModelFileError, match=message):
        find_class(DESCRIPTOR, "joint")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pears", r"descriptor 'pears': there is no such descriptor \(perhaps 'pairs' is meant\); there are cloud,"),
        ("sph", "descriptor 'sph': deepmd-kit has it, this version does not support it yet; there are cloud, joint, p"),
        ("planes", "descriptor 'planes': it was dropped, use pairs; there are"),
    ],
)
def test_what_is_not_there_is_named(name, message):
    with pytest.raises(InputError, match=message):
        find(DESCRIPTOR, name)
    with pytest.raises(ModelFileError, match=message):
        find_class(DESCRIPTOR, name)


def test_the_default():
    assert default_name(MODEL) == "stack"
    assert default_name(DESCRIPTOR) == ""


def test_rows_with_a_refusal_are_listed():
    assert {row.name: bool(row.refusal) for row in rows(DESCRIPTOR)}["spheres"]
    assert [row.name for row in rows(FITTING)] == ["sum"]


@pytest.mark.parametrize(
    ("points", "name", "reason"),
    [
        ({"a": "no_such_module:ROW"}, "a", "no_such_module brings it but fails to import: No module named 'no_such_m"),
        ({"a": "toy_rows:Pairs"}, "a", "toy_rows:Pairs is a type, expected a deepmd.registry.Row"),
        ({"a": "toy_rows:PAIRS"}, "a", "toy_rows:PAIRS is the row of 'pairs', but its entry point is named 'a'"),
    ],
)
def test_a_broken_row_leaves_the_others(register, points, name, reason):
    register(sum="toy_rows:SUM", **points)
    assert [row.name for row in rows(DESCRIPTOR)] == ["sum"]
    assert reason in problems(DESCRIPTOR)[name]
    with pytest.raises(InputError, match=f"descriptor '{name}': .*; there are sum"):
        find(DESCRIPTOR, name)


def test_two_rows_of_one_name(monkeypatch, register):
    register(sum="toy_rows:SUM")
    monkeypatch.setattr(
        installed,
        "entry_points",
        lambda group: [*toy_rows.entry_points(group), EntryPoint("pairs", f"{__name__}:ROW", group)],
    )
    installed.load.cache_clear()
    message = rf"descriptor 'pairs': several .* this name: toy_rows \(pairs\) and {__name__} \(pairs\); uninstall all"
    with pytest.raises(InputError, match=message):
        find(DESCRIPTOR, "pairs")
    assert find(DESCRIPTOR, "cloud") is toy_rows.CLOUD


def test_two_defaults_are_none(register):
    register(sum="toy_rows:SUM", two=f"{__name__}:TWO")
    assert default_name(FITTING) == ""


def test_no_rows_at_all(register):
    register()
    with pytest.raises(ModelFileError, match="no installed package brings a descriptor: `pip install deepmd-dp`"):
        find_class(DESCRIPTOR, "pairs")


def test_walking_through_a_model():
    parts = [{"type": "pr"}, {"type": "unknown"}, 3, {"type": "cloud"}]
    section = {"descriptor": {"type": "joint", "list": parts}, "fitting_net": {}}
    assert [(part.row.name, part.where) for part in walk(MODEL, section, "model")] == [
        ("stack", "model"),
        ("joint", "model/descriptor"),
        ("pairs", "model/descriptor/list/0"),
        ("cloud", "model/descriptor/list/3"),
        ("sum", "model/fitting_net"),
    ]


def test_what_a_framework_lacks_is_refused():
    section = {"descriptor": {"type": "joint", "list": [{"type": "cloud"}]}}
    check_backend(section, SimpleNamespace(name="Toy", flags=("toy", "t")))
    message = "model/descriptor/list/0/type is 'cloud': not with Other: it has no clouds"
    with pytest.raises(BackendError, match=message):
        check_backend(section, SimpleNamespace(name="Other", flags=("o", "other")))


def test_what_a_framework_lacks_is_refused_in_files():
    cloud = {"@class": "Descriptor", "type": "cloud"}
    tree = {
        "@class": "Model",
        "type": "stack",
        "descriptor": {"@class": "Descriptor", "type": "joint", "list": [cloud]},
    }
    check_tree(tree, SimpleNamespace(name="Toy", flags=("toy",)))
    with pytest.raises(BackendError, match="the model has the descriptor 'cloud': not with Other: it has no clouds"):
        check_tree(tree, SimpleNamespace(name="Other", flags=("other",)))


def test_the_registry_needs_no_numpy():
    code = "import sys, deepmd.registry; print({'numpy', 'dargs', 'h5py'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
