# SPDX-License-Identifier: LGPL-3.0-or-later
"""A model's tree with values of other types and parts that do not fit: one line, when it is read."""

from __future__ import annotations

import copy
from dataclasses import fields

import pytest

from deepmd.errors import InputError, ModelFileError
from deepmd_dp.conformance.cases import CASES
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.dialect.field_types import _predicate, _static_fields
from deepmd_dp.dialect.module import Module, modules
from deepmd_dp.environment.exclusion import Pairs
from deepmd_dp.model import deserialize_model

PLAIN = next(case for case in CASES if case.name == "se_e2_a: plain")
CHANGES = {
    "descriptor/rcut": ("x", 0, -1.0, float("nan"), 1e300, True, [4.0], None),
    "descriptor/rcut_smth": (-1.0, "1", float("inf")),
    "descriptor/sel": (5, [9], [9, 12, 3], [-3, 24], ["9", "12"], [9.5, 12], [10**18, 12], {}),
    "descriptor/axis_neuron": (7.0, "2", -1, None),
    "descriptor/type_one_side": ("no", 1, True),
    "descriptor/exclude_types": ([[0, 5]], [[0]], [[0, -7]], 3, "ab"),
    "descriptor/precision": ("float16", "bfloat16", 64, []),
    "descriptor/trainable": ("no", 2),
    "descriptor/embeddings/ndim": (3, 10**9, "2", None),
    "descriptor/embeddings/ntypes": (3, 10**9, -2, "2"),
    "descriptor/embeddings/networks": ({}, [], 5, [None] * 4),
    "descriptor/embeddings/networks/0/layers/1/resnet": ("no", 3, None),
    "descriptor/embeddings/networks/0/layers/1/activation_function": (5, "unknown", None),
    "descriptor/@variables": ({}, [], None),
    "descriptor/type": ("none", 5, None, []),
    "descriptor/@version": ("1", 99, None),
    "fitting/ntypes": (1, 3, "2"),
    "fitting/dim_descrpt": ("6",),
    "fitting/mixed_types": (True, "no"),
    "fitting/numb_fparam": (1, 10**9, -1, "1"),
    "fitting/nets": ({}, None),
    "fitting/@class": ("Model", None),
    "type_map": (None, ["O"], "OH", [1, 2], ["O", "H", "C"], {}),
    "pair_exclude_types": ([[0, 9]], [0], 4),
    "@variables/out_bias": (None, 3, "x"),
    "descriptor": (None, [], 5),
    "type": ("linear", 5),
}


def changed(path, value):
    tree = copy.deepcopy(random_document(PLAIN)["model"])
    *way, last = path.split("/")
    node = tree
    for key in way:
        node = node[int(key) if isinstance(node, list) else key]
    node[last] = value
    return tree


@pytest.mark.parametrize(
    ("path", "value"), [(path, value) for path, values in CHANGES.items() for value in values], ids=repr
)
def test_other_values_are_told_in_a_line(path, value):
    with pytest.raises((ModelFileError, InputError)) as caught:
        deserialize_model(changed(path, value))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_the_message_says_where_and_what():
    with pytest.raises(ModelFileError, match=r"layers\.1\.resnet is 'no'; expected bool"):
        deserialize_model(changed("descriptor/embeddings/networks/0/layers/1/resnet", "no"))
    with pytest.raises(ModelFileError, match=r"rcut is -1.0; expected float from 0.001 to 1000"):
        deserialize_model(changed("descriptor/rcut", -1.0))


def test_small_floating_point_numbers_are_refused_by_name():
    for name in ("float16", "bfloat16"):
        with pytest.raises((ModelFileError, InputError), match=name):
            deserialize_model(changed("fitting/precision", name))
    tree = changed("type", "standard")
    layer = tree["fitting"]["nets"]["networks"][0]["layers"][0]["@variables"]
    layer["w"] = layer["w"].astype("float16")
    with pytest.raises(ModelFileError, match="array `w` is float16, which is not supported"):
        deserialize_model(tree)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_all_static_fields_are_known(case):
    """An annotation that cannot be executed would let anything pass."""
    for _, each in modules(deserialize_model(random_document(case)["model"]), Module):
        names = {field.name for field in fields(each) if "static" in field.metadata}
        assert {name for name, *_ in _static_fields(type(each))} == names


@pytest.mark.parametrize(
    ("annotation", "right", "wrong"),
    [
        (int, (0, -5, 2**30), (True, 1.0, 2**31, "1", None)),
        (float, (0, 1.5, -2), (True, float("nan"), float("inf"), "1")),
        (bool, (True,), (1, "no", None)),
        (float | None, (None, 1.0), ("x", False)),
        (tuple[int, ...], ((), (1, 2)), ([1], (1.5,), ("a",), 1)),
        (Pairs, ((), ((0, 1),)), (((0,),), (0, 1), ((0, 1, 2),))),
    ],
    ids=str,
)
def test_types(annotation, right, wrong):
    holds = _predicate(annotation)
    assert all(map(holds, right))
    assert not any(map(holds, wrong))
