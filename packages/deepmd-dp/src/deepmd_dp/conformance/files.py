# SPDX-License-Identifier: LGPL-3.0-or-later
"""What is wrong with a file is told in one line, and what the backend promises about itself holds."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from deepmd.backend import Backend
from deepmd.backend.discovery import backend_of_file, registered_flags
from deepmd.errors import DeepmdError
from deepmd.infer.deep_eval import DeepEvalBackend
from deepmd_dp.conformance.cases import CONVERSION_CASE
from deepmd_dp.conformance.flips import try_flips
from deepmd_dp.conformance.parts import Part

if TYPE_CHECKING:
    from pathlib import Path

    from deepmd_dp.conformance.evaluation import Models
    from deepmd_dp.conformance.file_kinds import FileKind


NFLIPS = 10


class FileTests(Part):
    """Damaged and missing files, finding the backend."""

    def test_found_by_its_names_and_endings(self, any_file_kind: FileKind) -> None:
        assert self.flag in registered_flags()
        assert {type(Backend.get_backend(name)()) for name in (self.flag, *self.backend.flags)} == {type(self.backend)}
        companions = self.backend.companion_suffixes.get(any_file_kind.suffix, ())
        for suffix in (any_file_kind.suffix, *companions):
            assert backend_of_file(f"model{suffix}") is self.backend

    def test_finding_it_leaves_its_framework_alone(self) -> None:
        """So that `dp -h` stays fast."""
        module = self.backend.framework_module or self.backend.framework
        if module == "numpy":
            pytest.skip("NumPy is everywhere")
        code = "import sys; from deepmd.backend.discovery import find_backend; find_backend(sys.argv[1]); "
        code += "assert sys.argv[2] not in sys.modules"
        subprocess.run([sys.executable, "-c", code, self.flag, module], check=True)

    def test_finding_it_changes_no_environment(self) -> None:
        """What its framework wants is set when it is first used."""
        code = "import os; before = dict(os.environ); import deepmd.infer, deepmd.backend.discovery as discovery; "
        code += "[backend.framework_version() for backend in discovery.installed_backends().values()]; "
        code += "assert dict(os.environ) == before, set(os.environ.items()) ^ set(before.items())"
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_evaluator_is_one_of_the_core(self) -> None:
        assert issubclass(self.backend.deep_eval, DeepEvalBackend)

    def test_missing_file(self, any_file_kind: FileKind, tmp_path: Path) -> None:
        path = tmp_path / f"no-such{any_file_kind.suffix}"
        with pytest.raises(DeepmdError, match="no-such"):
            self.backend.deep_eval(str(path))

    def test_truncated_file(self, models: Models, any_file_kind: FileKind, tmp_path: Path) -> None:
        whole = models.path(CONVERSION_CASE, any_file_kind)
        path = shutil.copytree(whole.parent, tmp_path / "copy") / whole.name
        for keep in (0.5, 0.0):
            for file in path.rglob("*") if path.is_dir() else [path]:
                _truncate(file, keep)
            with pytest.raises(DeepmdError, match=rf"damaged|{re.escape(path.name)}"):
                self.backend.deep_eval(str(path))

    def test_a_flipped_bit(self, models: Models, any_file_kind: FileKind, tmp_path: Path) -> None:
        """A few of many: `tests-consistency/try_flips.py` tries any number."""
        whole = models.path(CONVERSION_CASE, any_file_kind)
        path = shutil.copytree(whole.parent, tmp_path / "copy") / whole.name
        outcome = try_flips(path, any_file_kind, NFLIPS)
        assert not outcome.wrong and not outcome.failed
        assert outcome.refused > NFLIPS // 2


def _truncate(file: Path, keep: float) -> None:
    if file.is_file():
        content = file.read_bytes()
        file.write_bytes(content[: int(keep * len(content))])
