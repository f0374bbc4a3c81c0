# SPDX-License-Identifier: LGPL-3.0-or-later
"""The backend gives what NumPy gives in float64, for every model of the table and every boundary."""

from __future__ import annotations

import multiprocessing
import os
import signal
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from deepmd.errors import BackendError
from deepmd.outputs import all_terms
from deepmd_dp.conformance.cases import Case
from deepmd_dp.conformance.comparison import DOUBLE, SINGLE, assert_close
from deepmd_dp.conformance.evaluation import evaluate
from deepmd_dp.conformance.frames import CHAIN, FRAMES
from deepmd_dp.conformance.parts import Part
from deepmd_dp.environment.halos import halo_blocks
from deepmd_dp.kit import deep_eval

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd_dp.conformance.evaluation import Models
    from deepmd_dp.conformance.file_kinds import FileKind

ROUNDING = 1e-14
"""The native engine adds up in the order in which its threads come; frameworks give the same bits again."""


class InferenceTests(Part):
    """All terms that the models give, and descriptors."""

    def parameters(self) -> dict[str, list[Any]]:
        file_kinds = [
            file_kind for file_kind in self.own_file_kinds() if file_kind.suffix not in self.further_file_kinds
        ]
        pairs = [
            (file_kind, case)
            for file_kind in file_kinds
            for case in (self.cases if file_kind.is_checkpoint else self.file_cases)
        ]
        return super().parameters() | {"file_kind,case": pairs}

    @pytest.mark.parametrize("frames", FRAMES)
    def test_results(self, models: Models, file_kind: FileKind, case: Case, frames: str) -> None:
        expected = models.expected(case, frames)
        results = evaluate(models.evaluator(case, file_kind), frames)
        terms = {term.name for term in all_terms(models.reference(case).outputs)}
        assert set(results) == set(expected) == terms | {"descriptor"}
        for name in expected:
            assert_close(results[name], expected[name], DOUBLE if case.is_double else SINGLE, name)

    @pytest.mark.parametrize("frames", ["periodic and triclinic", "virtual atoms"])
    def test_parts_of_frames(
        self, models: Models, own_file_kind: FileKind, frames: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Large frames are evaluated by parts of their atoms, all others being the part's ghosts."""
        case = self.parts_case
        expected = models.expected(case, frames)
        monkeypatch.setattr(deep_eval, "atoms_per_part", lambda *_: 5)
        results = evaluate(models.evaluator(case, own_file_kind), frames)
        for name in expected:
            assert_close(results[name], expected[name], DOUBLE if case.is_double else SINGLE, name)

    def test_threads(self, models: Models, own_file_kind: FileKind) -> None:
        """Several threads use one object and get the numbers that one thread gets."""
        model, chosen = models.evaluator(self.parts_case, own_file_kind), list(FRAMES)[:2]
        alone = [evaluate(model, frames) for frames in chosen]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda frames: evaluate(model, frames), chosen * 8))
        for number, results in enumerate(together):
            expected = alone[number % len(chosen)]
            for name in expected:
                assert_close(results[name], expected[name], ROUNDING, name)

    def test_a_copy_of_the_process(self, models: Models, own_file_kind: FileKind) -> None:
        """After a fork it gives the same numbers, or says at once that it can't: it does not wait for ever."""
        model, frames = models.evaluator(self.parts_case, own_file_kind), next(iter(FRAMES))
        expected = evaluate(model, frames)
        done = _in_a_copy(lambda: evaluate(model, frames))
        if isinstance(done, BackendError):
            assert "of which this is a copy (fork)" in str(done)
        else:
            for name in expected:
                assert_close(done[name], expected[name], ROUNDING, name)

    def test_blocks_with_halos(self, models: Models, own_file_kind: FileKind, monkeypatch: pytest.MonkeyPatch) -> None:
        """Frames of a model that passes messages are cut where memory is short, and give the same."""
        case, arguments = self.blocks_case, (CHAIN.coords, CHAIN.cells, CHAIN.atom_types)
        expected = models.reference(case).eval(*arguments, atomic=True)
        monkeypatch.setattr(
            deep_eval,
            "blocks_that_fit",
            lambda model, coord, box, frames: halo_blocks(model, frames[0], coord[0], box[0], most=40),
        )
        results = models.evaluator(case, own_file_kind).eval(*arguments, atomic=True)
        for name in expected:
            assert_close(results[name], expected[name], DOUBLE if case.is_double else SINGLE, name)


def _in_a_copy(function: Callable[[], Any]) -> Any:
    """What a function gives, or raises as BackendError, in a copy of this process."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that threads and fork do not go together
        process = os.fork()
    if process == 0:
        try:
            sender.send(function())
        except BackendError as error:
            sender.send(error)
        finally:
            os._exit(0)
    try:
        assert receiver.poll(30), "it waits for threads of the other process"
        return receiver.recv()
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
