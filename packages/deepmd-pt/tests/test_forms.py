# SPDX-License-Identifier: LGPL-3.0-or-later
"""The two forms of a `.pth`: with our operator, and the plain one that everybody reads."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from deepmd.errors import ModelFileError
from deepmd.train import TrainingState
from deepmd_dp.conformance.cases import CASES
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.conformance.evaluation import parameters_of
from deepmd_dp.conformance.frames import FRAMES
from deepmd_dp.conformance.plugin_calls import PluginError
from deepmd_dp.conformance.plugins import graph_with_ghosts, plugin_of
from deepmd_dp.kit import kernels
from deepmd_pt import archive, checkpoint, frozen
from deepmd_pt.deep_eval import PyTorchDeepEval

NAMES = (
    "se_e2_a: float32",
    "se_e2_a: frame and atomic parameters",
    "se_e2_a: dipole",
    "se_e2_r: plain",
    "se_atten: no attention",
    "se_atten_v2: no attention, one side",
    "hybrid: three lists",
    "dpa2: three-body, strip",
)
STRANGER = """
import sys, torch
script, (inputs, expected) = torch.jit.load(sys.argv[1]), torch.jit.load(sys.argv[2]).forward()
with torch.jit.optimized_execution(False):
    results = script(inputs, True)
assert set(results) == set(expected)
assert all(torch.equal(results[name], expected[name]) for name in expected)
assert not any(name.startswith("deepmd") for name in sys.modules)
"""


class Given(torch.nn.Module):
    """Arrays in a file that is read without our packages."""

    def __init__(self, inputs: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.inputs, self.expected = inputs, expected

    def forward(self):
        return self.inputs, self.expected


class Forms:
    """A case's file, opened in both forms, and the model run eagerly."""

    def __init__(self, name: str, folder) -> None:
        case = next(each for each in CASES if each.name == name)
        self.path = folder / "model.pth"
        frozen.write(str(self.path), random_document(case))
        checkpoint.write(str(folder / "model.pt"), TrainingState(random_document(case), {}))
        self.eager = PyTorchDeepEval(str(folder / "model.pt"))
        self.operators = PyTorchDeepEval(str(self.path))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(kernels.SWITCH, "1")
            self.plain = PyTorchDeepEval(str(self.path))
        self.tolerance = 1e-13 if "float32" not in name else 1e-5


@pytest.fixture(scope="module", params=NAMES)
def forms(request, tmp_path_factory):
    return Forms(request.param, tmp_path_factory.mktemp("forms"))


@pytest.fixture
def simple(tmp_path):
    return Forms("se_atten_v2: no attention, one side", tmp_path)


def has_operator(model: PyTorchDeepEval) -> bool:
    return "deepmd_pt::moments" in str(model._graph.core.graph)


def assert_same(results, expected, tolerance: float) -> None:
    assert set(results) == set(expected)
    for name, array in expected.items():
        difference = np.abs(results[name] - array).max(initial=0.0)
        assert difference <= tolerance * np.abs(array).max(initial=0.0), name


def test_each_form_holds_what_it_says(forms):
    assert has_operator(forms.operators)
    assert not has_operator(forms.plain)


@pytest.mark.parametrize("frames", FRAMES)
def test_forms_agree(forms, frames):
    chosen, parameters = FRAMES[frames], parameters_of(forms.plain, frames)
    given = (chosen.coords, chosen.cells, chosen.atom_types)
    expected = forms.eager.eval(*given, atomic=True, **parameters)
    for model in (forms.operators, forms.plain):
        assert_same(model.eval(*given, atomic=True, **parameters), expected, forms.tolerance)


@pytest.mark.parametrize("plain", ["0", "1"])
def test_forms_agree_in_cpp(forms, plain, monkeypatch):
    monkeypatch.setenv(kernels.SWITCH, plain)
    arrays, expected = graph_with_ghosts(forms.eager)
    with plugin_of("deepmd-pt", "pt").open(forms.path) as model:
        assert_same(model.run(arrays), expected, forms.tolerance)


def test_constants_stand_once(forms):
    names = archive.members_of(forms.path.read_bytes())
    own = [name for name in names if name.startswith("extra/operators/")]
    assert "extra/operators/constants.pkl" in own
    assert not any(name.startswith("extra/operators/data/") for name in own)


@pytest.mark.parametrize("name", ["se_e2_a: relu and linear", "se_atten: plain"])
def test_one_form_where_nothing_runs_on_the_operator(name, tmp_path):
    """A net with kinks is no matrix, and what comes out of an attention layer is no function of one number."""
    forms = Forms(name, tmp_path)
    assert not any("operators" in name for name in archive.members_of(forms.path.read_bytes()))
    assert not has_operator(forms.operators)


@pytest.fixture
def two_models(tmp_path):
    """A file whose plain form is another model than that with operators; each of them."""
    for folder in ("plain", "operators"):
        (tmp_path / folder).mkdir()
    plain = Forms("se_e2_a: plain", tmp_path / "plain")
    operators = Forms("se_e2_a: energies of atoms", tmp_path / "operators")
    form = archive.form_of(archive.members_of(operators.path.read_bytes()), with_operators=True)
    content = archive.finish(plain.path.read_bytes(), archive.packed(form))
    (tmp_path / "two.pth").write_bytes(content)
    return tmp_path / "two.pth", plain.eager, operators.eager


@pytest.mark.parametrize("plain", [False, True])
def test_which_form_runs(two_models, plain, monkeypatch):
    """In Python and in C++, as the environment says."""
    path, *evaluators = two_models
    monkeypatch.setenv(kernels.SWITCH, str(int(plain)))
    right, wrong = evaluators if plain else evaluators[::-1]
    arrays, expected = graph_with_ghosts(right)
    assert not np.allclose(graph_with_ghosts(wrong)[1]["energy"], expected["energy"])
    assert_same(graph_with_ghosts(PyTorchDeepEval(str(path)))[1], expected, 1e-13)
    with plugin_of("deepmd-pt", "pt").open(path) as model:
        assert_same(model.run(arrays), expected, 1e-13)


def test_plain_without_the_library(simple, monkeypatch):
    monkeypatch.setattr(frozen, "load_derivative", lambda: False)
    assert not has_operator(PyTorchDeepEval(str(simple.path)))


def test_plain_on_a_gpu(simple, monkeypatch):
    seen = []
    monkeypatch.setattr(torch.jit, "load", lambda file, map_location: seen.append(file.read()) or torch.nn.Module())
    monkeypatch.setattr(frozen.arrays, "device", lambda: torch.device("cuda"))
    frozen.load(archive.members_of(simple.path.read_bytes()), str(simple.path))
    members = archive.members_of(simple.path.read_bytes())
    assert seen == [archive.packed(archive.form_of(members, with_operators=False))]


def test_written_without_kernels_it_has_one_form(simple, tmp_path, monkeypatch):
    monkeypatch.setenv(kernels.SWITCH, "1")
    path = tmp_path / "plain.pth"
    frozen.write(str(path), simple.plain.serialize())
    monkeypatch.delenv(kernels.SWITCH)
    assert not any("deepmd_pt::" in str(each) for each in archive.members_of(path.read_bytes()).values())
    assert not has_operator(PyTorchDeepEval(str(path)))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_stranger_reads_the_plain_form(simple, tmp_path):
    """With torch alone."""
    arrays, _ = graph_with_ghosts(simple.plain)
    inputs = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    results = frozen.evaluate(simple.plain._graph, inputs, atomic=True, derivatives=True)
    torch.jit.save(torch.jit.script(Given(inputs, results)), str(tmp_path / "given.pth"))
    command = [sys.executable, "-W", "ignore", "-c", STRANGER, str(simple.path), str(tmp_path / "given.pth")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("part", ["data.pkl", "constants.pkl"])
def test_damage_of_the_second_form_is_found(simple, part, monkeypatch):
    """Whichever form is read."""
    members = archive.members_of(simple.path.read_bytes())
    members[f"extra/operators/{part}"] += b"\n"
    simple.path.write_bytes(archive.packed(members))
    for plain in "01":
        monkeypatch.setenv(kernels.SWITCH, plain)
        with pytest.raises(ModelFileError, match="its contents are not what was written"):
            PyTorchDeepEval(str(simple.path))
        with pytest.raises(PluginError, match="its contents are not what was written"):
            plugin_of("deepmd-pt", "pt").open(simple.path)
