# SPDX-License-Identifier: LGPL-3.0-or-later
"""The plug-in by which C++ runs frozen files gives what Python gives, and says in one line what is wrong."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from deepmd.contract.self_test_frames import frame_with_ghosts
from deepmd_dp.conformance.cases import CASES
from deepmd_dp.conformance.evaluation import parameters_of
from deepmd_dp.conformance.frames import FRAMES
from deepmd_dp.conformance.parts import Part
from deepmd_dp.conformance.plugin_calls import Plugin, PluginError
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.environment.parts import environment_with_ghosts
from deepmd_dp.kit.signature import Signature, with_file_inputs
from deepmd_dp.model import deserialize_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deepmd.infer.deep_eval import DeepEvalBackend
    from deepmd_dp.conformance.cases import Case
    from deepmd_dp.conformance.evaluation import Models
    from deepmd_dp.conformance.file_kinds import FileKind
    from deepmd_dp.environment.environment import Environment

TOLERANCE = 1e-12
"""Of a term's largest value."""
PLUGIN_CASES = [
    case
    for case in CASES
    if case.name
    in (
        "se_e2_a: frame and atomic parameters",
        "se_atten: plain",
        "se_e2_a: dipole",
        "hybrid: three lists",
        "dpa2: three-body, strip",
    )
]
CYCLES, WARM_UP, RUN_EVERY = 50, 10, 5
"""How often a model is opened and closed, after how many of these memory must not grow, and which of them run it."""
PLACES = 100
"""At how many places a file is damaged."""
CLEAN = """
import sys
from pathlib import Path
from deepmd_dp.conformance.plugin_calls import Plugin
with Plugin(Path(sys.argv[1])).open(Path(sys.argv[2])) as model:
    print(len(model.record["outputs"]))
assert sys.argv[3] not in sys.modules
"""


@cache
def plugin_of(distribution: str, name: str) -> Plugin:
    """The plug-in of a backend, e.g. ``libdeepmd_backend_pt.so``, among the installed files of a distribution."""
    file_name = f"libdeepmd_backend_{name}.so"
    found = [file for file in metadata.files(distribution) or [] if file.name == file_name]
    if not found:
        raise OSError(f"{distribution} has installed no {file_name}")
    return Plugin(Path(str(found[0].locate())))


class PluginTests(Part):
    """A plug-in of kind graph (`deepmd/backend_plugin.h`)."""

    distribution: ClassVar[str]
    """What brings the plug-in, e.g. ``deepmd-pt``."""
    library: ClassVar[str]
    """Its name, e.g. ``pt`` for ``libdeepmd_backend_pt.so``."""
    suffix: ClassVar[str]
    """The ending that it is tried with."""
    plugin_cases: ClassVar[Sequence[Case]] = PLUGIN_CASES
    """Models in float64 that are run."""
    growth: ClassVar[float] = 4.0
    """How much the process may grow when a model is opened and closed again and again [MB]."""

    def parameters(self) -> dict[str, list[Any]]:
        return super().parameters() | {"case": list(self.plugin_cases)}

    @property
    def plugin(self) -> Plugin:
        """The plug-in under test."""
        return plugin_of(self.distribution, self.library)

    @pytest.fixture
    def file_kind(self) -> FileKind:
        return next(each for each in self.file_kinds() if each.suffix == self.suffix)

    @pytest.fixture
    def copied(self, models: Models, file_kind: FileKind, tmp_path: Path) -> Path:
        """A model's file, to be spoilt."""
        whole = models.path(self.plugin_cases[0], file_kind)
        return shutil.copytree(whole.parent, tmp_path / "copy") / whole.name

    def test_says_what_it_is(self) -> None:
        assert self.suffix in self.plugin.suffixes
        assert self.plugin.table.run_graph

    def test_results(self, models: Models, file_kind: FileKind, case: Case) -> None:
        """The record, and all terms for every boundary."""
        evaluator = models.evaluator(case, file_kind)
        signature = Signature.of(_numpy_model(evaluator))
        with self.plugin.open(models.path(case, file_kind)) as model:
            assert [each["name"] for each in model.record["inputs"]] == [each.name for each in signature.inputs]
            assert [each["name"] for each in model.record["outputs"]] == [each.name for each in signature.outputs]
            for frames in FRAMES:
                arrays, expected = _of_frames(evaluator, frames)
                compare_terms(model.run(arrays), expected, frames)
            arrays, expected = graph_with_ghosts(evaluator)
            compare_terms(model.run(arrays), expected, "ghosts")

    def test_several_models(self, models: Models, file_kind: FileKind) -> None:
        """Open at the same time, each with its own numbers; on two threads each."""
        evaluators = [models.evaluator(case, file_kind) for case in self.plugin_cases[:2]]
        opened = [self.plugin.open(models.path(case, file_kind), nthreads=2) for case in self.plugin_cases[:2]]
        given = [graph_with_ghosts(evaluator) for evaluator in evaluators]
        for _ in range(2):
            for model, (arrays, expected) in zip(opened, given, strict=True):
                compare_terms(model.run(arrays), expected)
        for model in opened:
            model.close()

    def test_closing_frees(self, models: Models, file_kind: FileKind) -> None:
        case = self.plugin_cases[0]
        path, (arrays, _) = models.path(case, file_kind), graph_with_ghosts(models.evaluator(case, file_kind))
        sizes = []
        for k in range(CYCLES):
            with self.plugin.open(path) as model:
                if k % RUN_EVERY == 0:
                    model.run(arrays)
            sizes.append(_resident_size())
        assert sizes[-1] - sizes[WARM_UP] < self.growth

    def test_runs_without_python(self, models: Models, file_kind: FileKind) -> None:
        """The framework's libraries are found where they lie, with nothing set and nothing imported."""
        framework = self.backend.framework_module or self.backend.framework
        library, path = self.plugin.path, models.path(self.plugin_cases[0], file_kind)
        command = [sys.executable, "-c", CLEAN, str(library), str(path), framework]
        done = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert int(done.stdout.splitlines()[-1]) == len(models.evaluator(self.plugin_cases[0], file_kind).outputs) * 5

    @pytest.mark.parametrize("keep", [0.0, 0.3, 0.99])
    def test_truncated_file(self, copied: Path, keep: float) -> None:
        _rewrite(copied, lambda content: content[: int(keep * len(content))])
        self._assert_refused(copied)

    @pytest.mark.parametrize("where", [0.02, 0.5, 0.9])
    def test_corrupt_file(self, copied: Path, where: float) -> None:
        def flip(content: bytes) -> bytes:
            k = int(where * len(content))
            return content[:k] + bytes([content[k] ^ 64]) + content[k + 1 :]

        _rewrite(copied, flip)
        self._assert_refused(copied)

    def test_damaged_places(self, copied: Path) -> None:
        """Refused in one line, or opened where it is still a file of ours, by its record; nothing crashes."""
        rng = np.random.default_rng(1)
        files = {file: file.read_bytes() for file in sorted(copied.parent.rglob("*")) if file.is_file()}
        errors = []
        for _ in range(PLACES):
            file = list(files)[rng.integers(len(files))]
            file.write_bytes(_damaged(files[file], rng))
            try:
                self.plugin.open(copied).close()
            except PluginError as error:
                errors.append(str(error))
            file.write_bytes(files[file])
        assert len(errors) > PLACES / 2
        assert not any("\n" in error for error in errors)

    @pytest.mark.parametrize("content", [b"no model", b"{}", b"PK\5\6" + bytes(18), b"\x80\x02}q\x00."])
    def test_foreign_file(self, copied: Path, content: bytes) -> None:
        _rewrite(copied, lambda _: content)
        self._assert_refused(copied)

    def test_newer_file(self, copied: Path) -> None:
        _rewrite(copied, lambda content: re.sub(rb'(version\\?": )1,', rb"\g<1>9,", content))
        self._assert_refused(copied, "version 9")

    def test_missing_file(self, tmp_path: Path) -> None:
        self._assert_refused(tmp_path / f"no-such{self.suffix}")

    def _assert_refused(self, path: Path, reason: str = "") -> None:
        with pytest.raises(PluginError) as caught:
            self.plugin.open(path)
        message = str(caught.value)
        assert path.stem in message
        assert reason in message
        assert "\n" not in message

    def test_wrong_inputs(self, models: Models, file_kind: FileKind) -> None:
        """One that is missing, has an axis too many, is of the other type."""
        case = self.plugin_cases[0]
        arrays, expected = graph_with_ghosts(models.evaluator(case, file_kind))
        with self.plugin.open(models.path(case, file_kind)) as model:
            for name, array in arrays.items():
                other = np.int64 if array.dtype == np.float64 else np.float64
                for wrong in (None, array[None], array.astype(other)):
                    given = {key: value for key, value in (arrays | {name: wrong}).items() if value is not None}
                    with pytest.raises(PluginError, match=rf"^[^\n]*input {name}[^\n]*$"):
                        model.run(given)
            compare_terms(model.run(arrays), expected)


def _numpy_model(evaluator: DeepEvalBackend) -> Any:
    return deserialize_model(evaluator.serialize()["model"])


def _packed(evaluator: DeepEvalBackend, env: Environment, **parameters: np.ndarray) -> dict[str, np.ndarray]:
    """What the file takes, of an environment."""
    model = _numpy_model(evaluator)
    arrays = Signature.of(model).pack(with_file_inputs(env, model), **parameters)
    return {name: np.asarray(array) for name, array in arrays.items()}


def _of_frames(evaluator: DeepEvalBackend, frames: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What the file takes for a set of frames, and what it gives."""
    chosen, parameters = FRAMES[frames], parameters_of(evaluator, frames)
    expected = evaluator.eval(chosen.coords, chosen.cells, chosen.atom_types, atomic=True, **parameters)
    env = build_environment(_numpy_model(evaluator), chosen.coords, chosen.cells, chosen.atom_types)
    return _packed(evaluator, env, **parameters), expected


def graph_with_ghosts(evaluator: DeepEvalBackend) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What the file takes in the form that MD programs have, and what it gives."""
    frame = frame_with_ghosts(evaluator)
    coord, atype, mapping, nloc = frame["coord"], frame["atype"], frame["mapping"], int(frame["nloc"])
    parameters = {name: frame[name] for name in ("fparam", "aparam") if name in frame}
    expected = evaluator.eval_with_ghosts(coord, atype, mapping, nloc, atomic=True, **parameters)
    assert expected is not None, "the backend has no form for ghosts"
    env = environment_with_ghosts(_numpy_model(evaluator), coord, atype, mapping, nloc)
    return _packed(evaluator, env, **parameters), expected


def compare_terms(
    results: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], frames: str = "ghosts"
) -> None:
    """The same terms to `TOLERANCE`."""
    assert set(results) == set(expected)
    for name, array in expected.items():
        assert results[name].shape == array.shape, (name, frames)
        difference = np.max(np.abs(results[name] - array), initial=0.0)
        assert difference <= TOLERANCE * np.max(np.abs(array), initial=0.0), (name, frames)


def _damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """The bytes cut, or a few of them changed."""
    place = int(rng.integers(len(content)))
    if rng.random() < 0.3:
        return content[:place]
    end = min(len(content), place + int(rng.integers(1, 5)))
    return content[:place] + rng.bytes(end - place) + content[end:]


def _rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Changes a file, or all of a folder."""
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            file.write_bytes(change(file.read_bytes()))


def _resident_size() -> float:
    """Memory of this process [MB]."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 1e6
