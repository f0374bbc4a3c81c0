# SPDX-License-Identifier: LGPL-3.0-or-later
"""The form of frozen files that runs on the library's operators, beside the plain one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from models import case
from test_frozen import ATYPE, CELL, COORD

from deepmd.errors import ModelFileError
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.conformance.plugin_calls import PluginError
from deepmd_dp.conformance.plugins import graph_with_ghosts, plugin_of
from deepmd_dp.kit import kernels
from deepmd_pd import frozen
from deepmd_pd.deep_eval import PaddleDeepEval

OPERATOR = "deepmd_pd_graph_moments"
CASES = [
    "se_e2_a: plain",
    "se_e2_a: float32",
    "se_e2_a: dipole",
    "se_e2_r: plain",
    "se_atten: strip, one side, no attention",
    "hybrid: plain",
    "dpa2: plain",
]
NO_ROOM = """
import resource, sys
from pathlib import Path
from deepmd_dp.conformance.plugin_calls import Plugin, PluginError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    Plugin(Path(sys.argv[1])).open(Path(sys.argv[2]))
except PluginError as error:
    print(error)
"""
LOAD = "import sys, paddle; print(len(paddle.jit.load(sys.argv[1])._output_spec()))"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Writes the model of a case, once."""
    folder, paths = tmp_path_factory.mktemp("models"), {}

    def write(name: str):
        if name not in paths:
            paths[name] = folder / f"{len(paths)}.json"
            frozen.write(str(paths[name]), random_document(case(name)))
        return paths[name]

    return write


@pytest.fixture
def plain(monkeypatch):
    """Opens models in the plain form."""

    def open_plain(opener, path):
        with monkeypatch.context() as patch:
            patch.setenv(kernels.SWITCH, "1")
            return opener(path)

    return open_plain


def _open(path):
    return PaddleDeepEval(str(path))


def _compare(found, expected, name: str) -> None:
    # in single precision the order of a sum shows
    tolerance = 1e-5 if "float32" in name else 1e-13
    assert set(found) == set(expected)
    for term, array in expected.items():
        assert np.abs(found[term] - array).max() < tolerance * np.abs(array).max(), term


@pytest.mark.parametrize("name", CASES)
def test_both_forms_agree_in_python(written, plain, name):
    fast, slow = _open(written(name)), plain(_open, written(name))
    assert (fast._file.has_operators, slow._file.has_operators) == (True, False)
    frames = (COORD[None], CELL[None], ATYPE[None])
    _compare(fast.eval(*frames, atomic=True), slow.eval(*frames, atomic=True), name)


@pytest.mark.parametrize("name", CASES)
def test_both_forms_agree_in_cpp(written, plain, name):
    plugin = plugin_of("deepmd-pd", "pd")
    given, _ = graph_with_ghosts(_open(written(name)))
    with plugin.open(written(name)) as fast, plain(plugin.open, written(name)) as slow:
        _compare(fast.run(given), slow.run(given), name)


def test_cpp_takes_the_form_on_operators(tmp_path, plain, monkeypatch):
    monkeypatch.setattr(frozen, "_second_form", lambda *_: {"operators": "no program"})
    path, plugin = tmp_path / "model.json", plugin_of("deepmd-pd", "pd")
    frozen.write(str(path), random_document(case(CASES[0])))
    plain(plugin.open, path).close()
    with pytest.raises(PluginError):
        plugin.open(path)


def test_a_stranger_sees_the_plain_form(written):
    path = written(CASES[0])
    program, _, added = path.read_text().rpartition(frozen._KEY)
    assert OPERATOR not in program
    assert OPERATOR in added
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD, str(path.with_suffix(""))],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout.splitlines()[-1]) == 6


def test_a_folder_for_temporary_files_that_takes_none_is_to_blame(written, tmp_path, monkeypatch):
    """Not the model, as was said."""
    path = written(CASES[0])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(ModelFileError, match=r"for temporary files, .* takes none: No such file .* in TMPDIR"):
        frozen.FrozenFile(str(path)).load()


def test_nothing_is_left_behind(written, tmp_path, monkeypatch):
    path = written(CASES[0])
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    _open(path)
    plugin_of("deepmd-pd", "pd").open(path).close()
    frozen.write(str(path.with_name("again.json")), random_document(case(CASES[0])))
    assert not list(tmp_path.iterdir())


def test_cpp_needs_no_folder_of_the_environment(written, monkeypatch):
    """TMPDIR may name a folder that only another machine of a cluster has."""
    path = written(CASES[0])
    monkeypatch.setenv("TMPDIR", "/nowhere")
    plugin_of("deepmd-pd", "pd").open(path).close()


def test_cpp_says_where_there_is_no_room(written):
    """Paddle does not see half a file."""
    command = [sys.executable, "-c", NO_ROOM, str(plugin_of("deepmd-pd", "pd").path), str(written(CASES[0]))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(r"0\.json: there is no room for a copy in .*deepmd_pd_.*; set TMPDIR", done.stdout)


def test_a_model_without_moments_has_one_form(written):
    path = written("se_e2_a: relu and linear")
    assert set(json.loads(path.read_text())["deepmd"]) == {"metadata", "document"}
    assert not _open(path)._file.has_operators


def test_without_the_library_the_plain_form_runs(written, monkeypatch):
    monkeypatch.setattr(frozen, "load_library", lambda: False)
    assert not _open(written(CASES[0]))._file.has_operators
