# SPDX-License-Identifier: LGPL-3.0-or-later
"""What all parts of the suite share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from deepmd.backend.discovery import get_backend
from deepmd_dp.conformance.cases import (
    BLOCKS_CASE,
    CASES,
    CASES_DOUBLE,
    CONVERSION_CASE,
    PARTS_CASE,
    TRAINING_CASES,
)
from deepmd_dp.conformance.evaluation import Models, shared_models
from deepmd_dp.conformance.file_kinds import FileKind, file_kinds_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepmd.backend import Backend
    from deepmd_dp.conformance.cases import Case


class Part:
    """Tests of one backend."""

    flag: ClassVar[str]
    """The backend's name on the command line, e.g. ``pt``."""
    further_file_kinds: ClassVar[tuple[str, ...]] = ()
    """Endings whose files compute in their own way, beside the first one and the checkpoint."""
    left_out: ClassVar[tuple[str, ...]] = ()
    """Endings that are not tested: another name of the same, or in need of what is not installed."""
    cases: ClassVar[Sequence[Case]] = CASES
    """Models whose numbers are compared, from checkpoints where the backend has any."""
    file_cases: ClassVar[Sequence[Case]] = CASES
    """Models tried from a model file; fewer, such as `FEW_CASES`, where one takes seconds to make."""
    gradient_cases: ClassVar[Sequence[Case]] = CASES_DOUBLE
    """Models whose gradient is tried; fewer where a training step takes seconds to compile."""
    training_cases: ClassVar[Sequence[Case]] = TRAINING_CASES
    """Models that are trained for some steps."""
    restart_cases: ClassVar[Sequence[Case]] = ()
    """Those whose training is continued from a checkpoint, by default all that are trained."""
    reference_names: ClassVar[Sequence[str]] = ()
    """deepmd-kit's models that are tried, by default all; or fewer, such as `reference_numbers.FEW_NAMES`."""
    every_file_of_deepmd_kit: ClassVar[bool] = True
    """Whether deepmd-kit's models are tried from each kind of file; otherwise each from one, in turns."""
    conversion_case: ClassVar[Case] = CONVERSION_CASE
    """The model that is converted."""
    parts_case: ClassVar[Case] = PARTS_CASE
    """The model that is evaluated by parts of a frame."""
    blocks_case: ClassVar[Case] = BLOCKS_CASE
    """The model that is evaluated by blocks of a frame with halos."""
    workflow_case: ClassVar[Case] = CASES[0]
    """The model that is trained, frozen and tested by commands."""

    @property
    def backend(self) -> Backend:
        """The backend under test, its framework imported."""
        return get_backend(self.flag)

    @pytest.fixture
    def models(self, tmp_path_factory: pytest.TempPathFactory) -> Models:
        return shared_models(tmp_path_factory.getbasetemp())

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Runs a test for each kind of file that the names of its arguments ask for."""
        for names, values in self.parameters().items():
            if set(names.split(",")) <= set(metafunc.fixturenames):
                metafunc.parametrize(names, values, ids=str)

    def parameters(self) -> dict[str, list[Any]]:
        """Values of arguments, several at a time; a part adds its own."""
        return {"any_file_kind": self.file_kinds(), "own_file_kind": self.own_file_kinds()}

    def file_kinds(self) -> list[FileKind]:
        """The backend's kinds of files, its default first, checkpoints among them."""
        return [file_kind for file_kind in file_kinds_of(self.flag) if file_kind.suffix not in self.left_out]

    def own_file_kinds(self) -> list[FileKind]:
        """Those that compute in their own way."""
        file_kinds = self.file_kinds()
        return [
            file_kind
            for file_kind in file_kinds
            if file_kind is file_kinds[0] or file_kind.is_checkpoint or file_kind.suffix in self.further_file_kinds
        ]
