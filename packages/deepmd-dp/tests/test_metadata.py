# SPDX-License-Identifier: LGPL-3.0-or-later
"""The record of a frozen file: a change of it is found as one of the parts is."""

from __future__ import annotations

import json

import pytest

from deepmd.contract import read_document
from deepmd.errors import ModelFileError
from deepmd_dp.conformance.reference_numbers import REFERENCE
from deepmd_dp.kit.metadata import read_metadata, write_metadata
from deepmd_dp.model import deserialize_model

PARTS = [("b", b"two"), ("a", b"one")]


@pytest.fixture(scope="module")
def text():
    document = read_document(REFERENCE / "dipole_real" / "model.dp")
    document["model"]["atom_exclude_types"] = [1]
    return write_metadata(deserialize_model(document["model"]), PARTS)


def test_a_whole_file(text):
    record = read_metadata(text.encode(), PARTS[::-1], "model.pth")
    assert record["model"]["sel_types"] == [0]
    assert record == json.loads(text)


@pytest.mark.parametrize(
    ("before", "after"),
    [('"rcut": ', '"rcut": 1'), ('"digest": "', '"digest": "0'), ('"digest"', '"other"'), ("\n", "")],
)
def test_a_changed_record(text, before, after):
    assert before in text
    with pytest.raises(ModelFileError, match="is damaged: its contents are not what was written"):
        read_metadata(text.replace(before, after, 1), PARTS, "model.pth")


def test_changed_parts_and_no_record(text):
    with pytest.raises(ModelFileError, match="is damaged: its contents"):
        read_metadata(text, [("a", b"one"), ("b", b"Two")], "model.pth")
    for nothing in ("", "{}", b"\xff"):
        with pytest.raises(ModelFileError, match="cannot be read"):
            read_metadata(nothing, PARTS, "model.pth")
