# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp convert-backend`."""

from __future__ import annotations

import document_backends
import numpy as np
import pytest
from document_backends import FrozenEval, make_document

from deepmd.contract import read_document, write_document
from deepmd.entrypoints.convert_backend import convert
from deepmd.errors import BackendError, ModelFileError
from deepmd.main import parse_args, run


@pytest.fixture
def source(tmp_path, monkeypatch):
    document_backends.install(monkeypatch)
    write_document(tmp_path / "model.dp", make_document(rcut=4.0))
    return str(tmp_path / "model.dp")


def test_the_target_has_the_model_and_a_self_test(source, tmp_path, capsys):
    target = str(tmp_path / "model.frozen")
    run(parse_args(["convert-backend", source, target]))
    converted = FrozenEval.read(target)
    assert converted["model"]["settings"] == read_document(source)["model"]["settings"]
    assert set(converted["self_test"]["frames"]) == {"periodic", "ghosts", "isolated"}
    assert "model.frozen gives the numbers of" in capsys.readouterr().out


def test_the_self_test_goes_with_the_model(source, tmp_path):
    first, back = str(tmp_path / "model.frozen"), str(tmp_path / "back.dp")
    convert(source, first)
    assert {difference.value for difference in convert(first, back).values()} == {0.0}
    left, right = (document["self_test"]["frames"] for document in (FrozenEval.read(first), read_document(back)))
    for name in left:
        force, expected = (frames[name]["results"]["@variables"]["force"] for frames in (left, right))
        np.testing.assert_array_equal(force, expected)


def test_a_target_with_other_numbers_is_not_written(source, tmp_path):
    target = tmp_path / "model.wrong"
    target.write_text("the old one")
    with pytest.raises(ModelFileError, match="self-test fails: force differs by 1e-06"):
        convert(source, str(target))
    assert target.read_text() == "the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.dp", "model.wrong"]


def test_a_damaged_source_is_found_by_its_own_self_test(source, tmp_path):
    frozen = str(tmp_path / "model.dp")
    convert(source, frozen)
    document = read_document(frozen)
    document["model"]["@variables"]["depth"] *= 1.001
    write_document(frozen, document)
    with pytest.raises(ModelFileError, match=r"model\.dp: the self-test fails"):
        convert(frozen, str(tmp_path / "copy.yaml"))


class OtherGraph(FrozenEval):
    """Computes something else than its document says."""

    def eval(self, *args, **kwargs):
        results = super().eval(*args, **kwargs)
        return results | {"energy": results["energy"] + 1.0}


def test_a_source_whose_graph_is_not_that_of_its_document(source, tmp_path, monkeypatch):
    frozen = str(tmp_path / "model.frozen")
    convert(source, frozen)
    monkeypatch.setattr(document_backends.FrozenBackend, "deep_eval", OtherGraph)
    with pytest.raises(ModelFileError, match=r"model\.frozen: the self-test fails"):
        convert(frozen, str(tmp_path / "copy.yaml"))


def test_unknown_endings(source, tmp_path):
    with pytest.raises(BackendError, match="known endings"):
        convert(source, str(tmp_path / "model.pt2"))


def test_missing_source(source, tmp_path):
    with pytest.raises(ModelFileError, match="there is no such model file"):
        convert(str(tmp_path / "missing.dp"), str(tmp_path / "model.frozen"))
